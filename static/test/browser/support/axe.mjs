// @ts-check
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** @typedef {import("playwright-core").Page} Page */

const SOURCE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** WCAG 2.2 at level AA, and what is good practice beside it. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * Fails if axe finds something wrong in a page, shadow roots included.
 *
 * @param {Page} page
 * @param {{only?: string, state?: string, colours?: boolean}} [how] `only`: a selector to look at nothing else; `state`:
 *   what is shown, for the failure's text; `colours`: look at the colours alone, where all else was seen already
 */
export async function axe(page, { only, state = page.url(), colours = false } = {}) {
  // By evaluation, which a page's policy does not forbid as it does a script of its own.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(SOURCE);
  const violations = await page.evaluate(
    async ({ only, rules }) => {
      const { axe } = /** @type {any} */ (window);
      const results = await axe.run(only ?? document, { runOnly: rules, resultTypes: ["violations"] });
      return results.violations.map((/** @type {any} */ { id, help, nodes }) => {
        const where = nodes.map((/** @type {any} */ node) => `${node.target.join(" ")}: ${node.failureSummary}`);
        return `${id}: ${help}\n  ${where.join("\n  ")}`;
      });
    },
    { only, rules: colours ? ["color-contrast"] : RULES },
  );
  assert.ok(violations.length === 0, `axe, ${state}:\n${violations.join("\n")}`);
}
