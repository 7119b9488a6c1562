// @ts-check
// The server under test, with the pages that were built in this tree.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { target } from "../../../../tests/clients/test/security/support/target.mjs";

/** @typedef {import("../../../../tests/clients/test/security/support/target.mjs").Target} Target */
/** @typedef {import("../../../../tests/clients/test/security/support/target.mjs").Site} Site */
/** @typedef {import("../../../../tests/clients/test/security/support/target.mjs").Visitor} Visitor */

const DIST = fileURLToPath(new URL("../../../dist", import.meta.url));

/**
 * The real server on a free port with a database of its own, which is gone when the file's tests are over.
 * `chat.site()` makes a tenant, `site.user()` somebody whom its website vouches for, `site.account()` somebody with a
 * password; `chat.server` can be halted and started again.
 *
 * @param {Record<string, string>} [settings] as in `parlour.toml`: `{"socket.idle_timeout": "1s"}`
 * @returns {Promise<Target & {server: import("../../../../tests/clients/support/server.mjs").Server}>}
 */
export async function startServer(settings = {}) {
  assert.ok(existsSync(`${DIST}/chat.js`), `${DIST} has no chat.js: build the pages first (make ui)`);
  const started = await target({ "server.ui_dir": DIST, ...settings });
  after(() => started.close());
  const { server } = started;
  assert.ok(server, "the browser's tests stop and start their server, so it cannot be one that runs elsewhere");
  return Object.assign(started, { server });
}

/**
 * A tenant whose pages may be visited by guests; `settings` are others of its own, or these otherwise.
 *
 * @param {Target} chat
 * @param {Record<string, unknown>} [settings]
 */
export function tenant(chat, settings = {}) {
  return chat.site({ settings: { settings: { guests: true, guest_claims: true, page_rooms: true, ...settings } } });
}

/**
 * A public room of a tenant, and somebody who owns it.
 *
 * @param {Site} site
 * @param {string} [name]
 * @returns {Promise<{id: string, slug: string, name: string, owner: Visitor}>}
 */
export async function publicRoom(site, name = "Lobby") {
  const owner = await site.user("Olga Owner");
  const { id, slug } = await owner.rest.room({ name });
  return { id, slug, name, owner };
}
