// @ts-check
// Somebody who has the embed doctor look at an embedding.
import assert from "node:assert/strict";

/** @typedef {Partial<Record<"tenant" | "origin" | "csp" | "token" | "admin", string>>} Entered */

/** What was found: states by check, and all there is to read about one. */
export class Findings {
  /**
   * @param {Record<string, string>} states
   * @param {Record<string, string>} texts
   * @param {string} verdict
   */
  constructor(states, texts, verdict) {
    this.states = states;
    this.texts = texts;
    this.verdict = verdict;
  }

  /** @param {...string} states */
  in(...states) {
    return Object.keys(this.states).filter((check) => states.includes(this.states[check] ?? ""));
  }

  /**
   * Fails unless these checks and no others are broken, and say what is wrong and what to do.
   *
   * @param {Record<string, RegExp[]>} faults what has to stand at each
   */
  hasFaults(faults) {
    assert.deepEqual(this.in("broken"), Object.keys(faults), JSON.stringify(this.texts, null, 1));
    for (const [check, patterns] of Object.entries(faults)) this.says(check, ...patterns);
  }

  /**
   * @param {string} check
   * @param {...RegExp} patterns
   */
  says(check, ...patterns) {
    for (const pattern of patterns) assert.match(this.texts[check] ?? "", pattern, check);
  }
}

/**
 * Opens the doctor of a server, or of a proxy in front of it, fills in the form, and waits for the result.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} url
 * @param {Entered} entered
 */
export async function examine(page, url, entered) {
  await page.goto(`${url}/embed/doctor`);
  if (entered.admin !== undefined) await page.getByText("More exact answers").click();
  for (const [name, value] of Object.entries(entered)) await page.locator(`[name="${name}"]`).fill(value);
  await page.getByRole("button", { name: "Examine" }).click();
  return findings(page);
}

/** @param {import("playwright-core").Page} page */
export async function findings(page) {
  await page.locator('.doctor-verdict[data-phase="done"]').waitFor({ timeout: 40_000 });
  const checks = await page.locator(".check").evaluateAll((items) =>
    items.map((item) => ({
      id: item.getAttribute("data-check") ?? "",
      state: item.getAttribute("data-state") ?? "",
      text: (item.textContent ?? "").replace(/[\u2068\u2069]/g, ""),
    })),
  );
  return new Findings(
    Object.fromEntries(checks.map(({ id, state }) => [id, state])),
    Object.fromEntries(checks.map(({ id, text }) => [id, text])),
    (await page.locator(".doctor-verdict").textContent()) ?? "",
  );
}
