// @ts-check
// Somebody in front of a room of a website's.
import { visitor } from "./browser.mjs";
import { Chat } from "./chat.mjs";
import { hostPage, snippet } from "./sites.mjs";

/** @typedef {import("./server.mjs").Visitor} Visitor */

/**
 * A page that is the widget, open in a room, as this user sees it; as a guest does, without one.
 *
 * @param {import("node:test").TestContext} t
 * @param {import("playwright-core").Browser} browser
 * @param {{slug: string, target: {url: string}}} site
 * @param {{slug: string}} room
 * @param {Visitor | null} user
 * @param {import("playwright-core").BrowserContextOptions & {errors?: RegExp[], data?: Record<string, string>}} [how]
 *   `data`: further attributes of the script tag
 */
export async function seat(t, browser, site, room, user, { data = {}, ...how } = {}) {
  const server = site.target.url;
  const identity = user ? `<script>window.chat = function () { (chat.q = chat.q || []).push(arguments); }; chat("identify", () => "${user.signed}");</script>` : "";
  const html = `${identity}${snippet(server, { tenant: site.slug, room: room.slug, mode: "page", ...data })}`;
  const origin = await hostPage({ html });
  // Colours are looked at as they are in the end, not on the way there.
  const context = await visitor(t, browser, { origins: [origin, server], reducedMotion: "reduce", ...how });
  const page = await context.newPage();
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.log.waitFor();
  return chat;
}
