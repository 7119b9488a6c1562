// @ts-check
// The looks that every screen has to have.
import { DEVICES } from "./browser.mjs";

/** @typedef {keyof typeof LOOKS} Look */

export const LOOKS = /** @satisfies {Record<string, import("playwright-core").BrowserContextOptions>} */ ({
  light: { ...DEVICES.desktop, colorScheme: "light" },
  dark: { ...DEVICES.desktop, colorScheme: "dark" },
  phone: { ...DEVICES.phone, colorScheme: "light" },
  arabic: { ...DEVICES.desktop, colorScheme: "light", locale: "ar" },
});
