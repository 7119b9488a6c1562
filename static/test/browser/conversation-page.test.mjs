// @ts-check
// The conversation of a page, before it has a room and while it gets one.
import assert from "node:assert/strict";
import { it } from "node:test";
import { axe } from "./support/axe.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { startServer, tenant } from "./support/server.mjs";
import { hostPage, snippet } from "./support/sites.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/**
 * @param {import("node:test").TestContext} t
 * @param {import("playwright-core").BrowserContextOptions & {errors?: RegExp[]}} [how]
 */
async function newPage(t, how = {}) {
  const origin = await hostPage({ html: snippet(server.url, { tenant: site.slug, room: "page", mode: "panel", open: "true" }) });
  const context = await visitor(t, browser, { origins: [origin, server.url], reducedMotion: "reduce", ...how });
  const page = await context.newPage();
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.composer.waitFor();
  return chat;
}

it("the first message is seen while its room is made, and so is what one types meanwhile", async (t) => {
  const chat = await newPage(t);
  await chat.page.getByText("No messages yet. Say hello!").waitFor();
  await axe(chat.page, { state: "page without a room" });
  /** @type {() => void} */
  let goOn = () => {};
  const held = new Promise((done) => (goOn = () => done(undefined)));
  await chat.page.route("**/api/v1/rooms/page", async (route) => {
    if (route.request().method() === "POST") await held;
    await route.continue();
  });
  await chat.say("First!");
  const pending = chat.page.locator(".message-pending");
  await pending.getByText("First!").waitFor();
  await chat.composer.pressSequentially("and then");
  await chat.composer.press("Enter");
  goOn();
  await chat.sees("First!");
  await pending.waitFor({ state: "detached" });
  assert.deepEqual(await chat.shown(), ["First!"]);
  assert.equal(await chat.composer.inputValue(), "and then");
});

it("a first message that cannot be sent is in the field again", async (t) => {
  const chat = await newPage(t, { errors: [/503|Failed to load/] });
  await chat.page.route("**/api/v1/rooms/page", (route) =>
    route.fulfill({ status: 503, contentType: "application/json", body: '{"error":"temporarily unavailable"}' }),
  );
  await chat.say("Not yet");
  await chat.page.getByText("The server is busy. Try again in a moment.").first().waitFor();
  assert.equal(await chat.composer.inputValue(), "Not yet");
});

it("in the smallest window nothing lies over the field", async (t) => {
  const chat = await newPage(t, { viewport: { width: 320, height: 256 } });
  const [field, words] = [await chat.composer.boundingBox(), await chat.page.locator(".beginning").locator("..").boundingBox()];
  assert.ok(field && words && words.y + words.height <= field.y, JSON.stringify({ field, words }));
});
