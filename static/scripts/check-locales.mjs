// @ts-check
// Fails when a locale lacks a text of English, has one more, names other parameters, or lacks a plural form.
import { readdirSync, readFileSync } from "node:fs";

const LOCALES = new URL("../src/locales/", import.meta.url);
const LAUNCHER = readFileSync(new URL("../src/widget/launcher-texts.ts", import.meta.url), "utf8");
/** @type {string[]} */
const faults = [];

const languages = readdirSync(LOCALES);
const english = catalogue("en");
for (const language of languages) {
  const other = catalogue(language);
  for (const key of new Set([...english.keys(), ...other.keys()])) compare(language, key, english.get(key), other.get(key));
}
for (const fault of faults) console.error(fault);
console.log(`${english.size} texts in ${languages.length} locales, ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;

/**
 * Texts by `area.name`, from one file an area.
 *
 * @param {string} language
 * @returns {Map<string, string | Record<string, string>>}
 */
function catalogue(language) {
  const folder = new URL(`${language}/`, LOCALES);
  // Those of a page that few people open are not in the index, so that nobody else loads them; those of the launcher come
  // with the widget.
  const modules = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const imports = modules.map((name) => readFileSync(new URL(name, folder), "utf8")).join() + LAUNCHER;
  const texts = new Map();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const area = file.slice(0, -".json".length);
    if (!imports.includes(`"./${file}"`) && !imports.includes(`/${language}/${file}`)) faults.push(`${language}: no module imports ${file}`);
    for (const [name, text] of Object.entries(JSON.parse(readFileSync(new URL(file, folder), "utf8")))) {
      texts.set(`${area}.${name}`, text);
    }
  }
  return texts;
}

/**
 * @param {string} language
 * @param {string} key
 * @param {string | Record<string, string> | undefined} wanted
 * @param {string | Record<string, string> | undefined} given
 */
function compare(language, key, wanted, given) {
  if (given === undefined || wanted === undefined) {
    faults.push(`${language}: ${key} is ${given === undefined ? "missing" : "not in English"}`);
    return;
  }
  if (typeof wanted !== typeof given) faults.push(`${language}: ${key} has plural forms in one of the two only`);
  if (typeof given !== "string") {
    for (const category of new Intl.PluralRules(language).resolvedOptions().pluralCategories) {
      if (!given[category]) faults.push(`${language}: ${key} lacks the plural form "${category}"`);
    }
  }
  const form = typeof given === "string" ? given : (given["other"] ?? "");
  if (!form.trim()) faults.push(`${language}: ${key} is empty`);
  const model = typeof wanted === "string" ? wanted : (wanted["other"] ?? "");
  if (params(form) !== params(model)) faults.push(`${language}: ${key} names other parameters than English`);
}

/** @param {string} text */
function params(text) {
  return [...new Set(text.match(/\{\w+\}/g))].sort().join();
}
