// @ts-check
import { readFileSync } from "node:fs";

const LOCALES = new URL("../../../src/locales/", import.meta.url);

/**
 * The words of a locale, for tests that look at pages in other languages than English.
 *
 * @param {string} locale
 * @returns {(key: string) => string} gives the text of `area.name`
 */
export function texts(locale) {
  return (key) => {
    const [area = "", name = ""] = key.split(".");
    const catalogue = JSON.parse(readFileSync(new URL(`${locale}/${area}.json`, LOCALES), "utf8"));
    const text = catalogue[name];
    if (typeof text !== "string") throw new Error(`${locale} has no plain text ${key}`);
    return text;
  };
}
