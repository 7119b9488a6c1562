import type { Catalogues } from "../i18n/load.ts";

/** The texts of this page, which nobody else loads. */
export const DOCTOR_CATALOGUES: Catalogues = {
  en: () => import("../locales/en/doctor.ts"),
  de: () => import("../locales/de/doctor.ts"),
  es: () => import("../locales/es/doctor.ts"),
  ar: () => import("../locales/ar/doctor.ts"),
  zh: () => import("../locales/zh/doctor.ts"),
};
