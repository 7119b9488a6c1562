// @ts-check
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../screenshots", import.meta.url));

/**
 * Takes a picture for people to look at: `static/screenshots/NAME.png`, a folder that git ignores.
 *
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function shot(page, name) {
  mkdirSync(FOLDER, { recursive: true });
  await page.screenshot({ path: `${FOLDER}/${name}.png`, animations: "disabled" });
}
