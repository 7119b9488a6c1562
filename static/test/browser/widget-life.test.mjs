// @ts-check
// The widget comes and goes with the pages it is on, and leaves nothing behind.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { snippet, website } from "./support/sites.mjs";

/** @typedef {import("playwright-core").Page} Page */

const CYCLES = 50;
/** What 50 cycles may add to the heap, in bytes: less than the views of one. */
const HEAP_MAX = 1_500_000;

const server = await startServer();
const browser = await launch(["--js-flags=--expose-gc"]);
const site = await tenant(server);
const room = await publicRoom(site);
const other = await publicRoom(site, "Other room");
const data = { tenant: site.slug, room: room.slug };
const element = (/** @type {string} */ more) => `<parlour-chat tenant="${site.slug}" ${more}></parlour-chat>`;

const { origin } = await website({
  pages: {
    "/": { html: snippet(server.url, data) },
    "/manual": { html: snippet(server.url, { ...data, manual: "" }) },
    "/several": {
      html: `${element(`id="one" mode="inline" room="${room.slug}"`)}${element(`id="two" mode="inline" room="${other.slug}"`)}
        ${element(`id="three" room="${room.slug}"`)}<div id="elsewhere"></div><script async src="${server.url}/chat.js"></script>`,
    },
  },
});

/** @param {import("node:test").TestContext} t @param {string} path */
async function visit(t, path) {
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  const page = await context.newPage();
  /** @type {Set<import("playwright-core").WebSocket>} */
  const open = new Set();
  let opened = 0;
  page.on("websocket", (socket) => {
    opened += 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await page.goto(origin + path);
  return { page, context, sockets: { open, count: () => opened } };
}

/** @param {Page} page @param {unknown[]} command */
async function run(page, ...command) {
  await page.waitForFunction(() => customElements.get("parlour-chat"));
  await page.evaluate((command) => /** @type {any} */ (window).chat(...command), command);
}

/** @param {Page} page @param {string} token */
const identify = (page, token) => page.evaluate((token) => /** @type {any} */ (window).chat("identify", () => token), token);

it("50 times booted and shut down, nothing is left", async (t) => {
  const { page, context, sockets } = await visit(t, "/manual");
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable");
  const measure = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    const { metrics } = await cdp.send("Performance.getMetrics");
    const value = (/** @type {string} */ name) => metrics.find((metric) => metric.name === name)?.value ?? NaN;
    return { nodes: value("Nodes"), listeners: value("JSEventListeners"), heap: value("JSHeapUsedSize") };
  };
  await page.waitForFunction(() => customElements.get("parlour-chat"));
  const chat = new Chat(page);
  const cycle = async () => {
    await run(page, "boot", { open: true });
    await chat.composer.waitFor();
    await run(page, "shutdown");
    await eventually(() => sockets.open.size === 0, "the socket's end");
  };
  // The first ones load what is loaded once.
  for (let warm = 0; warm < 3; warm += 1) await cycle();
  const before = await measure();
  for (let count = 0; count < CYCLES; count += 1) await cycle();
  const after = await eventually(async () => {
    const now = await measure();
    return now.nodes <= before.nodes + 20 && now.listeners <= before.listeners + 5 ? now : null;
  }, "nodes and listeners as before");
  t.diagnostic(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  assert.ok(after.heap - before.heap < HEAP_MAX, `the heap grew by ${after.heap - before.heap} bytes`);
  assert.equal(sockets.count(), CYCLES + 3, "one socket a cycle");
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
});

it("another user after shutdown and boot sees nothing of the one before", async (t) => {
  const { page, sockets } = await visit(t, "/");
  const chat = new Chat(page);
  await chat.launcher.waitFor();
  await identify(page, site.token({ sub: "first", name: "First User" }));
  await chat.open();
  await chat.say("Mine alone");
  await chat.own.filter({ hasText: "Mine alone" }).waitFor();
  await chat.composer.fill("a draft of the first user");
  await run(page, "shutdown");
  assert.equal(await page.locator("parlour-chat").count(), 0);
  await identify(page, site.token({ sub: "second", name: "Second User" }));
  await run(page, "boot");
  await chat.open();
  await chat.sees("Mine alone");
  assert.equal(await chat.own.count(), 0, "what the first user wrote is not the second one's");
  assert.equal(await chat.composer.inputValue(), "");
  await eventually(() => sockets.open.size === 1, "one socket");
});

it("another user without shutdown sees nothing of the one before either", async (t) => {
  const { page, sockets } = await visit(t, "/");
  const chat = new Chat(page);
  await chat.launcher.waitFor();
  await identify(page, site.token({ sub: "third", name: "Third User" }));
  await chat.open();
  await chat.say("Of the third");
  await chat.own.filter({ hasText: "Of the third" }).waitFor();
  await chat.composer.fill("a draft of the third user");
  await identify(page, site.token({ sub: "fourth", name: "Fourth User" }));
  await eventually(async () => (await chat.own.count()) === 0 && (await chat.shown()).includes("Of the third"), "the other user's view");
  assert.equal(await chat.composer.inputValue(), "");
  await eventually(() => sockets.open.size === 1, "one socket");
});

it("several on a page share one socket, and each shows its own room", async (t) => {
  const { page, sockets } = await visit(t, "/several");
  const [one, two] = ["#one", "#two"].map((id) => page.locator(`${id} .composer textarea`));
  await one?.fill("to the first room");
  await one?.press("Enter");
  await page.locator("#one").getByRole("log").getByText("to the first room").waitFor();
  await two?.waitFor();
  await page.locator("#three").getByRole("button", { name: /^Open chat/ }).click();
  await page.locator("#three").getByRole("log").getByText("to the first room").waitFor();
  assert.equal(await page.locator("#two").getByText("to the first room").count(), 0);
  assert.equal(sockets.count(), 1);
  await page.evaluate(() => document.querySelector("#one")?.remove());
  await two?.fill("the others go on");
  await two?.press("Enter");
  await page.locator("#two").getByRole("log").getByText("the others go on").waitFor();
  await page.evaluate(() => document.querySelectorAll("parlour-chat").forEach((element) => element.remove()));
  await eventually(() => sockets.open.size === 0, "the socket's end");
});

it("an element that is moved in the page goes on as it was", async (t) => {
  const { page, sockets } = await visit(t, "/several");
  const field = page.locator("#one .composer textarea");
  await field.fill("half a thought");
  await page.evaluate(() => {
    const [one, elsewhere] = ["#one", "#elsewhere"].map((id) => document.querySelector(id));
    if (one) elsewhere?.append(one);
  });
  assert.equal(await page.locator("#elsewhere #one .composer textarea").inputValue(), "half a thought");
  await field.press("Enter");
  await page.locator("#one").getByRole("log").getByText("half a thought").waitFor();
  assert.equal(sockets.count(), 1);
});

it("one that is taken out and put in again later begins anew", async (t) => {
  const { page } = await visit(t, "/several");
  await page.locator("#one .composer textarea").waitFor();
  await page.evaluate(async () => {
    const one = /** @type {Element} */ (document.querySelector("#one"));
    one.remove();
    await new Promise((resolve) => setTimeout(resolve));
    if (one.shadowRoot?.childElementCount !== 0) throw new Error("views are left in an element that is gone");
    document.querySelector("#elsewhere")?.append(one);
  });
  await page.locator("#elsewhere #one .composer textarea").waitFor();
});

it("the same script put in again makes no second chat, and finds a way into a page that was replaced", async (t) => {
  const { page } = await visit(t, "/");
  const chat = new Chat(page);
  await chat.launcher.waitFor();
  const again = () =>
    page.evaluate(() => {
      const old = /** @type {HTMLScriptElement} */ (document.querySelector("script[data-tenant]"));
      const script = document.createElement("script");
      for (const { name, value } of old.attributes) script.setAttribute(name, value);
      const loaded = new Promise((resolve) => script.addEventListener("load", resolve));
      old.replaceWith(script);
      return loaded;
    });
  await again();
  await chat.open();
  assert.equal(await page.locator("parlour-chat").count(), 1);
  await page.evaluate(() => document.querySelector("parlour-chat")?.remove());
  await again();
  await chat.launcher.or(page.getByRole("dialog")).first().waitFor();
  assert.equal(await page.locator("parlour-chat").count(), 1);
});

it("an element that was out of the page when all was shut down does not bring a user back", async (t) => {
  const { page } = await visit(t, "/several");
  await page.locator("#one .composer textarea").waitFor();
  const signed = site.token({ sub: "gone", name: "Gone User" });
  await page.evaluate(async (token) => {
    const one = /** @type {any} */ (document.querySelector("#one"));
    await one.identify(token);
    one.remove();
    await new Promise((resolve) => setTimeout(resolve));
    /** @type {any} */ (window).chat("shutdown");
    document.querySelector("#elsewhere")?.append(one);
  }, signed);
  const field = page.locator("#elsewhere #one .composer textarea");
  await field.fill("Who am I?");
  await field.press("Enter");
  const sent = await eventually(async () => (await room.owner.rest.messages(room.id)).find(({ content }) => content === "Who am I?"), "the message");
  assert.equal(sent.user.kind, "guest");
});
