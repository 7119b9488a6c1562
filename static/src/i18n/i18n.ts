import type app from "../locales/en/app.ts";
import type doctor from "../locales/en/doctor.ts";
import type launcher from "../locales/en/launcher.json";

/** A text, or its forms for the plural categories of the locale, chosen by the parameter `count`. */
export type Text = string | Readonly<Partial<Record<Intl.LDMLPluralRule, string>>>;

/** Texts by area and name. Every locale has those of English; `npm run check` says which are missing. */
export type Catalogue = Readonly<Record<string, Readonly<Record<string, Text>>>>;

/** All texts; which of them there are depends on what was loaded. */
type English = typeof app & typeof doctor & { launcher: typeof launcher };

/** `area.name` of a text. */
export type TextKey = { [Area in keyof English & string]: `${Area}.${keyof English[Area] & string}` }[keyof English & string];

/** What stands in the places of `{name}`. */
export type TextParams = Readonly<Record<string, string | number>>;

const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);

/** Texts, dates and numbers as one locale writes them. */
export class I18n {
  /** As it was asked for, region included: dates and numbers follow it. */
  readonly locale: string;
  readonly direction: "ltr" | "rtl";
  readonly #catalogue: Catalogue;
  readonly #plurals: Intl.PluralRules;
  readonly #numbers: Intl.NumberFormat;
  readonly #formats = new Map<string, Intl.DateTimeFormat>();

  constructor(locale: string, catalogue: Catalogue) {
    this.locale = locale;
    this.direction = RIGHT_TO_LEFT.has(new Intl.Locale(locale).language) ? "rtl" : "ltr";
    this.#catalogue = catalogue;
    this.#plurals = new Intl.PluralRules(locale);
    this.#numbers = new Intl.NumberFormat(locale);
  }

  /** The text of this key; `{name}` in it is replaced by `params.name`. */
  t(key: TextKey, params: TextParams = {}): string {
    const [area = "", name = ""] = key.split(".");
    const text = this.#catalogue[area]?.[name];
    if (text === undefined) return key;
    const form = typeof text === "string" ? text : (text[this.#plurals.select(Number(params["count"] ?? 0))] ?? text.other ?? key);
    return form.replace(/\{(\w+)\}/g, (place, named: string) => {
      const value = params[named];
      return value === undefined ? place : typeof value === "number" ? this.number(value) : value;
    });
  }

  number(value: number): string {
    return this.#numbers.format(value);
  }

  /** Names, joined as a sentence would: "Ann, Ben and Cleo". */
  list(names: readonly string[]): string {
    return new Intl.ListFormat(this.locale, { type: "conjunction" }).format(names);
  }

  /** The time of day. */
  time(date: Date): string {
    return this.#format("time", { hour: "numeric", minute: "2-digit" }).format(date);
  }

  /** Date and time in full, for who wants to know exactly. */
  dateTime(date: Date): string {
    return this.#format("dateTime", { dateStyle: "full", timeStyle: "short" }).format(date);
  }

  /** A day, as a person would name it: today, yesterday, a weekday of the last week, else the date. */
  day(date: Date, now: Date = new Date()): string {
    const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
    if (days === 0 || days === 1) {
      const text = new Intl.RelativeTimeFormat(this.locale, { numeric: "auto" }).format(-days, "day");
      return text.charAt(0).toLocaleUpperCase(this.locale) + text.slice(1);
    }
    if (days > 1 && days < 7) return this.#format("weekday", { weekday: "long" }).format(date);
    const sameYear = date.getFullYear() === now.getFullYear();
    return sameYear
      ? this.#format("day", { weekday: "short", day: "numeric", month: "long" }).format(date)
      : this.#format("dayOfYear", { day: "numeric", month: "long", year: "numeric" }).format(date);
  }

  #format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    let format = this.#formats.get(name);
    if (!format) {
      format = new Intl.DateTimeFormat(this.locale, options);
      this.#formats.set(name, format);
    }
    return format;
  }
}

/** Local midnight before this moment, as if in UTC, so that days have 24 hours when clocks change, too. */
function midnight(date: Date): number {
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
}
