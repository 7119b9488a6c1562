// @ts-check
// The widget by keyboard, by screen reader and on a phone.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { axe } from "./support/axe.mjs";
import { DEVICES, launch, setHidden, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { shot } from "./support/shot.mjs";
import { snippet, website } from "./support/sites.mjs";

/** @typedef {import("playwright-core").Page} Page */

const server = await startServer();
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site);
const data = { tenant: site.slug, room: room.slug };
const LONG = "<p>A long page of somebody's site.</p>".repeat(80);

const { origin } = await website({
  pages: {
    "/": { html: `<button id="first">The site's button</button>${LONG}${snippet(server.url, data)}` },
    "/open": { html: `<input id="field" autofocus>${snippet(server.url, { ...data, open: "" })}` },
    "/notify": { title: "A quiet page", html: snippet(server.url, { ...data, notify: "title sound" }) },
    "/panel": { html: LONG + snippet(server.url, { ...data, mode: "panel" }) },
    "/page": { head: "<style>body { margin: 0 } h1 { display: none }</style>", html: snippet(server.url, { ...data, mode: "page" }) },
  },
});

/**
 * @param {import("node:test").TestContext} t
 * @param {string} path
 * @param {Parameters<typeof visitor>[2]} [how]
 */
async function visit(t, path, how = {}) {
  // Places are measured as they are in the end, not on the way there.
  const context = await visitor(t, browser, { origins: [origin, server.url], reducedMotion: "reduce", ...how });
  const page = await context.newPage();
  await page.goto(origin + path);
  return { page, chat: new Chat(page), dialog: page.getByRole("dialog", { includeHidden: true }).first() };
}

/**
 * The name or class of what has the focus, in whatever shadow root.
 *
 * @param {Page} page
 */
function focused(page) {
  return page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.getAttribute("aria-label") ?? element?.id ?? "";
  });
}

it("by keyboard alone: opened, written, closed, and the focus is back where it was", async (t) => {
  const { page, chat, dialog } = await visit(t, "/");
  await chat.launcher.waitFor();
  await page.locator("#first").focus();
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Open chat");
  assert.equal(await chat.launcher.getAttribute("aria-expanded"), "false");
  await page.keyboard.press("Enter");
  await page.locator(".composer textarea:focus").waitFor();
  await page.keyboard.type("Typed without a mouse");
  await page.keyboard.press("Enter");
  await chat.sees("Typed without a mouse");
  await axe(page, { state: "opened by keyboard" });
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await focused(page), "Open chat");
  await page.keyboard.press("Space");
  await page.locator(".composer textarea:focus").waitFor();
});

it("beside the page it is no trap: Tab leads out of it, and Escape in the page does not close it", async (t) => {
  const { page, chat, dialog } = await visit(t, "/");
  await chat.open();
  assert.equal(await dialog.evaluate((element) => element.matches(":modal")), false);
  await page.locator("#first").focus();
  await page.keyboard.press("Escape");
  assert.equal(await dialog.isVisible(), true);
  await page.locator("#first").click();
});

it("opened by the page's own button, it gives the focus back to that", async (t) => {
  const { page, chat, dialog } = await visit(t, "/");
  await chat.launcher.waitFor();
  await page.locator("#first").evaluate((button) => button.addEventListener("click", () => /** @type {any} */ (window).chat("open")));
  await page.locator("#first").click();
  await page.locator(".composer textarea:focus").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await focused(page), "first");
});

it("open from the beginning, it leaves the focus to the page", async (t) => {
  const { page, chat } = await visit(t, "/open");
  await chat.composer.waitFor();
  assert.equal(await focused(page), "field");
});

it("on a phone it is as large as the screen and modal, and the page behind does not scroll", async (t) => {
  const { page, chat, dialog } = await visit(t, "/", DEVICES.phone);
  await chat.open();
  const { width, height } = /** @type {{width: number, height: number}} */ (page.viewportSize());
  assert.deepEqual(await dialog.boundingBox(), { x: 0, y: 0, width, height });
  assert.equal(await dialog.evaluate((element) => element.matches(":modal")), true);
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).overflow), "hidden");
  await chat.say("From a train");
  await chat.sees("From a train");
  await shot(page, "widget-phone-open");
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press("Tab");
    assert.notEqual(await focused(page), "first", "the page behind has the focus");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await page.evaluate(() => document.documentElement.style.overflow), "");
  assert.equal(await focused(page), "Open chat");
  await page.locator("#first").click();
});

it("from a phone's width to a desktop's and back it stays open, with what was written", async (t) => {
  const { page, chat, dialog } = await visit(t, "/");
  await chat.open();
  await chat.composer.fill("half a sentence");
  await page.setViewportSize({ width: 400, height: 800 });
  await eventually(() => dialog.evaluate((element) => element.matches(":modal")), "the modal dialog");
  assert.equal(await chat.composer.inputValue(), "half a sentence");
  await page.locator(".composer textarea:focus").waitFor();
  await page.setViewportSize({ width: 1200, height: 800 });
  await eventually(() => dialog.evaluate((element) => !element.matches(":modal")), "the dialog beside the page");
  assert.equal(await chat.composer.inputValue(), "half a sentence");
  assert.equal(await page.evaluate(() => document.documentElement.style.overflow), "");
});

it("the launcher's name has the number of unread messages; the title and nothing else too, if asked for", async (t) => {
  const { page, chat, dialog } = await visit(t, "/notify");
  await chat.open();
  await chat.say("I listen");
  await chat.sees("I listen");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await room.owner.rest.send(room.id, "first");
  await room.owner.rest.send(room.id, "second");
  await page.getByRole("button", { name: "Open chat, 2 unread messages" }).waitFor();
  await eventually(async () => (await page.title()) === "(2) A quiet page", "the title");
  await shot(page, "widget-unread");
  await axe(page, { state: "unread" });
  await chat.open();
  await eventually(async () => (await page.title()) === "A quiet page", "the title as it was");
  await page.evaluate(() => (document.title = "Another title"));
  await setHidden(page, true);
  await room.owner.rest.send(room.id, "third");
  await eventually(async () => (await page.title()) === "(1) Another title", "the new title");
  await setHidden(page, false);
  await eventually(async () => (await page.title()) === "Another title", "the title without a number");
});

it("as a panel it takes a side of the window, as a page all of it", async (t) => {
  const side = await visit(t, "/panel");
  await side.chat.open();
  const box = await side.dialog.boundingBox();
  assert.ok(box && box.y === 0 && box.height === 800 && Math.round(box.x + box.width) === 1280, JSON.stringify(box));
  await side.page.keyboard.press("Escape");
  await side.dialog.waitFor({ state: "hidden" });
  const whole = await visit(t, "/page");
  await whole.chat.composer.waitFor();
  assert.deepEqual(await whole.page.locator("parlour-chat").boundingBox(), { x: 0, y: 0, width: 1280, height: 800 });
  assert.equal(await whole.page.getByRole("button", { name: /chat/ }).count(), 0, "neither a launcher nor a way to close it");
});
