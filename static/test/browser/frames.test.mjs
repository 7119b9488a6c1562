// @ts-check
// What a visitor's browser tells the server, and when.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { launch, setHidden, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { hostPage, snippet } from "./support/sites.mjs";

const FIRST_MESSAGE_MS_MAX = 3000;

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/**
 * A guest in a room of their own, whose every frame is seen.
 *
 * @param {import("node:test").TestContext} t
 * @param {Record<string, string>} [data] of the script tag
 */
async function conversation(t, data = {}) {
  const room = await publicRoom(site, "Frames");
  const far = (/** @type {string} */ text) => room.owner.rest.send(room.id, text);
  await far("Hello");
  const origin = await hostPage({ html: snippet(server.url, { tenant: site.slug, room: room.slug, ...data }) });
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  const page = await context.newPage();
  /** @type {{event: string, payload: any}[]} */
  const sent = [];
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      const [, , , event, body] = JSON.parse(String(payload));
      sent.push({ event, payload: body });
    }),
  );
  const count = (/** @type {string} */ event) => sent.filter((frame) => frame.event === event).length;
  return { chat: new Chat(page), page, origin, far, count, sent };
}

/**
 * Waits while the page's clock goes on: marks are throttled by it, from when the page has drawn what is read.
 *
 * @param {import("playwright-core").Page} page
 * @param {() => boolean} sent
 * @param {string} what
 */
async function marks(page, sent, what) {
  await eventually(async () => {
    await page.clock.runFor(500);
    return sent();
  }, what);
}

it("the first message is there soon after the page", async (t) => {
  const { chat, page, origin } = await conversation(t, { open: "true" });
  await page.goto(origin);
  await chat.sees("Hello");
  const ms = await page.evaluate(() => performance.now());
  t.diagnostic(`from navigation to the first message: ${ms.toFixed(0)} ms`);
  assert.ok(ms < FIRST_MESSAGE_MS_MAX, `${ms} ms`);
});

it("ten seconds of typing are four notices, and sending ends them", async (t) => {
  const { chat, page, origin, count } = await conversation(t);
  await page.clock.install();
  await page.goto(origin);
  await chat.open();
  for (let key = 0; key < 40; key += 1) {
    await chat.composer.press("a");
    await page.clock.runFor(250);
  }
  const notices = count("typing");
  assert.ok(notices >= 3 && notices <= 4, `${notices} notices in ten seconds`);
  await chat.composer.press("Enter");
  await page.clock.runFor(1000);
  await chat.sees("a".repeat(40));
  assert.equal(count("typing"), notices);
});

it("nothing counts as read while the page is hidden, the panel closed, or the end out of sight", async (t) => {
  const { chat, page, origin, far, count, sent } = await conversation(t);
  await page.clock.install();
  await page.goto(origin);
  await chat.open();
  await chat.say("I am here");
  await chat.sees("I am here");
  await page.clock.runFor(5000);
  const marked = count("mark_read");

  await setHidden(page, true);
  await far("While hidden");
  await chat.sees("While hidden");
  await page.clock.runFor(5000);
  assert.equal(count("mark_read"), marked, "hidden");

  await setHidden(page, false);
  await marks(page, () => count("mark_read") === marked + 1, "the mark, when the page is looked at");
  assert.equal(await page.locator(".unread-line").count(), 1, "what came meanwhile is below a line");
  assert.equal(sent.findLast(({ event }) => event === "mark_read")?.payload.seq, 3);

  await page.keyboard.press("Escape");
  await chat.launcher.waitFor();
  await far("While closed");
  await page.getByRole("button", { name: "Open chat, 1 unread message" }).waitFor();
  await page.clock.runFor(5000);
  assert.equal(count("mark_read"), marked + 1, "closed");
  await chat.open();
  await chat.sees("While closed");
  await marks(page, () => count("mark_read") === marked + 2, "the mark, when the panel is opened");
});

it("ten messages at once are one mark, or two", async (t) => {
  const { chat, page, origin, far, count } = await conversation(t);
  await page.clock.install();
  await page.goto(origin);
  await chat.open();
  await chat.say("I am here");
  await chat.sees("I am here");
  await page.clock.runFor(5000);
  const marked = count("mark_read");
  for (let n = 1; n <= 10; n += 1) await far(`Quick ${n}`);
  await chat.sees("Quick 10");
  await page.clock.runFor(5000);
  const marks = count("mark_read") - marked;
  assert.ok(marks >= 1 && marks <= 2, `${marks} marks`);
});
