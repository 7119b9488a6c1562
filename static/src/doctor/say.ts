import type { I18n } from "../i18n/i18n.ts";
import type { Duration, Said } from "./finding.ts";

/** Isolates a name or an address, whose letters may run the other way than those around it. */
const ISOLATE = ["\u2068", "\u2069"] as const;

/** A text in the reader's language. */
export function say(i18n: I18n, { key, params = {} }: Said): string {
  const texts = Object.entries(params).map(([name, value]) => [name, typeof value === "number" ? value : shown(i18n, value)]);
  return i18n.t(key, Object.fromEntries(texts));
}

function shown(i18n: I18n, value: string | Duration): string {
  return typeof value === "string" ? `${ISOLATE[0]}${value}${ISOLATE[1]}` : duration(i18n, value.seconds);
}

const UNITS: readonly (readonly [unit: string, seconds: number])[] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** A span of time in the greatest unit of which there are two, short, so that it fits into any sentence. */
function duration(i18n: I18n, seconds: number): string {
  const [unit, length] = UNITS.find(([, length]) => seconds >= 2 * length) ?? (["second", 1] as const);
  const digits = { maximumFractionDigits: unit === "second" ? 1 : 0 };
  return new Intl.NumberFormat(i18n.locale, { style: "unit", unit, unitDisplay: "short", ...digits }).format(seconds / length);
}
