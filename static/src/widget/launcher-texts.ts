// The few texts that are shown before anything is asked of the server: they come with the widget's chunk.
import { I18n, type Catalogue } from "../i18n/i18n.ts";
import { supported, supportedLanguage } from "../i18n/load.ts";
// As text, which is smaller than what a bundler makes of their keys.
import ar from "../locales/ar/launcher.json?raw";
import de from "../locales/de/launcher.json?raw";
import en from "../locales/en/launcher.json?raw";
import es from "../locales/es/launcher.json?raw";
import zh from "../locales/zh/launcher.json?raw";

const TEXTS: Readonly<Record<string, string>> = { ar, de, en, es, zh };

/** Texts of the area `launcher` alone, in the first of these locales that is supported. */
export function launcherTexts(wanted: readonly string[]): I18n {
  const launcher = JSON.parse(TEXTS[supportedLanguage(wanted)] ?? en) as Catalogue[string];
  return new I18n(supported(wanted), { launcher });
}
