// How the page looks and in which language it talks: as the device says, unless somebody chose otherwise.
import { useEffect, useState } from "preact/hooks";
import type { I18n } from "../i18n/i18n.ts";
import { loadI18n, type Catalogues } from "../i18n/load.ts";
import { read, write } from "../storage.ts";
import { untilLoaded } from "../until-loaded.ts";
import { reloadWhenReachable } from "./reload.ts";

const LOCALE = "parlour:locale";
const THEME = "parlour:theme";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export interface Preferences {
  readonly theme: Theme;
  /** The language that was chosen; `null` follows the browser. */
  readonly locale: string | null;
  setTheme(theme: Theme): void;
  setLocale(locale: string): void;
}

/**
 * The preferences, and the texts in the language they lead to; `null` until these have arrived.
 *
 * @param catalogues as for `loadI18n`; always the same
 */
export function usePreferences(catalogues?: Catalogues): { preferences: Preferences; i18n: I18n | null } {
  const [theme, setTheme] = useState<Theme>(() => THEMES.find((one) => one === read("localStorage", THEME)) ?? "auto");
  const [locale, setLocale] = useState(() => read("localStorage", LOCALE));
  const [i18n, setI18n] = useState<I18n | null>(null);

  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  useEffect(() => {
    const wanted = [...(locale ? [locale] : []), ...navigator.languages];
    return untilLoaded(
      () => loadI18n(wanted, catalogues),
      (loaded) => {
        document.documentElement.lang = loaded.locale;
        document.documentElement.dir = loaded.direction;
        setI18n(loaded);
      },
      reloadWhenReachable,
    );
  }, [locale]);

  return {
    i18n,
    preferences: {
      theme,
      locale,
      setTheme: (next) => {
        write("localStorage", THEME, next);
        setTheme(next);
      },
      setLocale: (next) => {
        write("localStorage", LOCALE, next);
        setLocale(next);
      },
    },
  };
}
