import { I18n, type Catalogue } from "./i18n.ts";

/** A chunk for each language, loaded when it is asked for. */
export type Catalogues = Readonly<Record<string, () => Promise<{ default: Catalogue }>>>;

/** The texts of the chat, which are all of the widget's. */
const CATALOGUES: Catalogues = {
  en: () => import("../locales/en/index.ts"),
  de: () => import("../locales/de/index.ts"),
  es: () => import("../locales/es/index.ts"),
  ar: () => import("../locales/ar/index.ts"),
  zh: () => import("../locales/zh/index.ts"),
};

/** The languages there are texts for. */
export const LANGUAGES: readonly string[] = Object.keys(CATALOGUES);

/** The first of these locales whose language there are texts for; English when there is none. */
export function supported(wanted: readonly string[]): string {
  return wanted.find((locale) => language(locale) !== undefined) ?? "en";
}

/**
 * Texts for the first of these locales that is supported.
 *
 * @param catalogues where texts are loaded from, for pages that need others than those of the chat
 * @throws when the chunk with the texts cannot be loaded.
 */
export async function loadI18n(wanted: readonly string[], catalogues: Catalogues = CATALOGUES): Promise<I18n> {
  const locale = supported(wanted);
  const load = catalogues[supportedLanguage(wanted)] ?? CATALOGUES["en"]!;
  return new I18n(locale, (await load()).default);
}

/** The language of the first of these locales that is supported, which names its catalogue. */
export function supportedLanguage(wanted: readonly string[]): string {
  return language(supported(wanted)) ?? "en";
}

function language(locale: string): string | undefined {
  try {
    const name = new Intl.Locale(locale).language;
    return Object.hasOwn(CATALOGUES, name) ? name : undefined;
  } catch {
    return undefined;
  }
}
