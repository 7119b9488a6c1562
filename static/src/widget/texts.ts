import type { I18n } from "../i18n/i18n.ts";
import { loadI18n, supportedLanguage } from "../i18n/load.ts";
import { fetchChunk } from "./chunks.ts";

/** Has the texts in the first of these locales that is supported ready, for {@link loadTexts}. */
export function fetchTexts(locales: readonly string[]): Promise<void> {
  return fetchChunk(supportedLanguage(locales));
}

/** @throws when they cannot be loaded; it may be tried again. */
export async function loadTexts(locales: readonly string[]): Promise<I18n> {
  await fetchTexts(locales);
  return loadI18n(locales);
}
