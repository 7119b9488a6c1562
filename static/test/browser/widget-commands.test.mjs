// @ts-check
// What a page says to the widget, and what the widget tells the page.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { snippet, website } from "./support/sites.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site);
const data = { tenant: site.slug, room: room.slug };

const STUB = `<script>window.chat = window.chat || function () { (chat.q = chat.q || []).push(arguments); };</script>`;
/** Keeps every event of the widget, as a page's own listener on the document gets it. */
const RECORD = `<script>window.told = []; for (const name of ["ready", "open", "close", "message", "unread", "error"])
  document.addEventListener("chat:" + name, (event) => told.push([name, event.detail]));</script>`;

const { origin, pages } = await website({
  pages: {
    "/": { head: STUB + RECORD, html: snippet(server.url, data) },
    "/early": {
      head: `${STUB}${RECORD}<script>
        window.order = [];
        chat("on", "ready", () => order.push("ready"));
        chat("setTheme", "dark");
        chat("setLocale", "de");
        chat("on", "open", () => order.push("open"));
        chat("open");
      </script>`,
      html: snippet(server.url, data),
    },
    "/manual": { head: STUB + RECORD, html: `<div id="here"></div>${snippet(server.url, { ...data, manual: "" })}` },
    "/shares": { head: STUB + RECORD, html: snippet(server.url, { ...data, "share-messages": "", open: "" }) },
    "/own-chat": { html: `<div id="chat">The site's own thing</div>${snippet(server.url, data)}` },
    "/elements": {
      html: `<parlour-chat tenant="${site.slug}" room="${room.slug}" mode="inline"></parlour-chat><script async src="${server.url}/chat.js"></script>`,
    },
  },
});

/**
 * @param {import("node:test").TestContext} t
 * @param {string} [path]
 * @param {Parameters<typeof visitor>[2]} [how]
 */
async function open(t, path = "/", how = {}) {
  const context = await visitor(t, browser, { origins: [origin, server.url], ...how });
  const page = await context.newPage();
  await page.goto(origin + path);
  return page;
}

/**
 * Runs a command of `window.chat` once the widget is there.
 *
 * @param {import("playwright-core").Page} page
 * @param {unknown[]} command
 */
async function run(page, ...command) {
  await page.waitForFunction(() => customElements.get("parlour-chat"));
  await page.evaluate((command) => /** @type {any} */ (window).chat(...command), command);
}

/** @param {import("playwright-core").Page} page @returns {Promise<[string, any][]>} */
const told = (page) => page.evaluate(() => /** @type {any} */ (window).told);

it("what was said before the widget was there is done once, in order", async (t) => {
  const page = await open(t, "/early");
  await page.getByRole("dialog").waitFor();
  await page.getByRole("button", { name: "Chat schließen" }).first().waitFor();
  assert.equal(await page.locator("parlour-chat").getAttribute("theme"), "dark");
  await eventually(async () => (await page.evaluate(() => /** @type {any} */ (window).order.length)) === 2, "both events");
  assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).order), ["ready", "open"]);
  assert.equal(await page.locator("parlour-chat").count(), 1);
});

it("a page that kept the old function is heard all the same", async (t) => {
  const context = await visitor(t, browser);
  const page = await context.newPage();
  pages["/kept"] = { head: `${STUB}<script>window.kept = chat;</script>`, html: snippet(server.url, data) };
  await page.goto(`${origin}/kept`);
  await new Chat(page).launcher.waitFor();
  await page.evaluate(() => /** @type {any} */ (window).kept("open"));
  await page.getByRole("dialog").waitFor();
});

it("open, close, toggle, hide and show", async (t) => {
  const page = await open(t);
  const dialog = page.getByRole("dialog");
  const { launcher } = new Chat(page);
  await run(page, "open");
  await dialog.waitFor();
  await run(page, "close");
  await dialog.waitFor({ state: "hidden" });
  await run(page, "toggle");
  await dialog.waitFor();
  await run(page, "toggle");
  await dialog.waitFor({ state: "hidden" });
  await run(page, "hide");
  await launcher.waitFor({ state: "hidden" });
  await run(page, "show");
  await launcher.waitFor();
  assert.deepEqual((await told(page)).map(([name]) => name).filter((name) => name !== "unread"), ["ready", "open", "close", "open", "close"]);
});

it("setTheme and setLocale", async (t) => {
  const page = await open(t);
  await run(page, "setTheme", "dark");
  const widget = page.locator("parlour-chat .stage");
  await page.locator('parlour-chat .stage[data-theme="dark"]').waitFor({ state: "attached" });
  await run(page, "setLocale", "ar");
  await page.getByRole("button", { name: "فتح الدردشة" }).waitFor();
  assert.equal(await widget.getAttribute("dir"), "rtl");
});

it("on and off", async (t) => {
  const page = await open(t);
  await run(page, "hide");
  const heard = await page.evaluate(() => {
    const { chat } = /** @type {any} */ (window);
    const heard = /** @type {string[]} */ ([]);
    const first = () => heard.push("first");
    const second = () => heard.push("second");
    chat("on", "open", first);
    chat("on", "open", second);
    chat("open");
    chat("close");
    chat("off", "open", first);
    chat("open");
    return heard;
  });
  assert.deepEqual(heard, ["first", "second", "second"]);
});

it("boot puts the chat where the page wants it, and shutdown takes all of it away", async (t) => {
  const page = await open(t, "/manual");
  await run(page, "boot", { mode: "inline", target: "#here", heading: "Questions", shareMessages: true });
  const chat = new Chat(page);
  await chat.composer.waitFor();
  const element = page.locator("#here > parlour-chat");
  assert.equal(await element.getAttribute("heading"), "Questions");
  assert.equal(await element.getAttribute("share-messages"), "");
  assert.equal(await element.getAttribute("room"), room.slug, "what the script tag says goes on to hold");
  await run(page, "boot", { theme: "dark" });
  assert.equal(await page.locator("parlour-chat").count(), 1);
  assert.equal(await element.getAttribute("theme"), "dark");
  await run(page, "shutdown");
  assert.equal(await page.locator("parlour-chat").count(), 0);
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
  await run(page, "boot");
  await chat.open();
});

it("what is no command, event, option or identity is said in the console and harms nothing", async (t) => {
  const page = await open(t);
  /** @type {string[]} */
  const warnings = [];
  page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
  for (const command of [
    ["fly", "away"],
    ["constructor"],
    [],
    [{ boot: true }],
    ["on", "explosion", null],
    ["boot", "please"],
    ["boot", { email: "ann@example.test" }],
    ["boot", { target: "#nowhere" }],
    ["identify", { name: "Ann" }],
  ]) {
    await run(page, ...command);
  }
  await eventually(() => warnings.length >= 8, "the warnings");
  for (const warning of warnings) assert.match(warning, /^parlour: /);
  await new Chat(page).open();
});

it("events tell that somebody wrote, and what only where the page may know", async (t) => {
  const reads = await open(t, "/");
  const shares = await open(t, "/shares");
  await new Chat(reads).open();
  await new Chat(shares).composer.waitFor();
  const { id } = await room.owner.rest.send(room.id, "Hello to all of you");
  const heard = async (/** @type {import("playwright-core").Page} */ page) =>
    (await told(page)).find(([name, detail]) => name === "message" && detail.id === id)?.[1];
  const plain = await eventually(() => heard(reads), "the event");
  assert.deepEqual(plain, { id, roomId: room.id });
  const shared = await eventually(() => heard(shares), "the event");
  assert.equal(shared.content, "Hello to all of you");
  assert.equal(shared.user.name, "Olga Owner");
});

it("a refused token is an error of which the page hears, without the token", async (t) => {
  const page = await open(t, "/", { errors: [/401/] });
  await new Chat(page).launcher.waitFor();
  await run(page, "identify", "not.a.token");
  const error = await eventually(async () => (await told(page)).find(([name]) => name === "error")?.[1], "the event");
  assert.equal(error.code, "unauthorized");
  assert.doesNotMatch(JSON.stringify(error), /not\.a\.token/);
});

it("an element of the page that answers to window.chat is not in the way", async (t) => {
  const page = await open(t, "/own-chat");
  await new Chat(page).open();
  await run(page, "close");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
});

it("a page with elements of its own gets no other one", async (t) => {
  const page = await open(t, "/elements");
  await new Chat(page).composer.waitFor();
  assert.equal(await page.locator("parlour-chat").count(), 1);
});
