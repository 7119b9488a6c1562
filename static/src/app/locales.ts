import type { Catalogues } from "../i18n/load.ts";

/** The texts of the chat, and those of the page around it. */
export const APP_CATALOGUES: Catalogues = {
  en: () => import("../locales/en/app.ts"),
  de: () => import("../locales/de/app.ts"),
  es: () => import("../locales/es/app.ts"),
  ar: () => import("../locales/ar/app.ts"),
  zh: () => import("../locales/zh/app.ts"),
};
