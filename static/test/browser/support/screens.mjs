// @ts-check
import assert from "node:assert/strict";
import { axe } from "./axe.mjs";
import { shot } from "./shot.mjs";

/**
 * The screens of one area in one look: each is drawn, and looked at by axe. What axe finds is told at the end, of all of
 * them together. The dark look has other colours than the light one, and nothing else.
 *
 * @param {import("node:test").TestContext} t
 * @param {import("playwright-core").Page} page
 * @param {string} area
 * @param {string} look
 * @returns {(state: string) => Promise<void>} to be called when the page shows that state
 */
export function screens(t, page, area, look) {
  /** @type {string[]} */
  const violations = [];
  t.after(() => assert.ok(violations.length === 0, violations.join("\n")));
  return async (state) => {
    await shot(page, `${area}-${state}-${look}`);
    await axe(page, { state: `${state}, ${look}`, colours: look === "dark" }).catch((error) => violations.push(error.message));
  };
}
