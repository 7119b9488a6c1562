import type { I18n } from "../i18n/i18n.ts";

/** A time to wait, as a person would say it: seconds below two minutes, then minutes, then hours. */
export function durationText(i18n: I18n, milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  const [value, unit] =
    seconds < 120 ? [seconds, "second"] : seconds < 7200 ? [Math.ceil(seconds / 60), "minute"] : [Math.ceil(seconds / 3600), "hour"];
  return new Intl.NumberFormat(i18n.locale, { style: "unit", unit, unitDisplay: "long" }).format(value);
}
