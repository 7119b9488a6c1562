// @ts-check
// What the widget leaves alone: other origins, the page's policies, storage, and everything before a visitor's consent.
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

const sockets = server.url.replace("http", "ws");
const STRICT = `default-src 'self'; script-src ${server.url}; connect-src ${server.url} ${sockets}; require-trusted-types-for 'script'; trusted-types 'none'`;
const BY_NONCE = `default-src 'none'; script-src 'nonce-r4nd0m' 'strict-dynamic'; connect-src ${server.url} ${sockets}; require-trusted-types-for 'script'; trusted-types 'none'`;

const { origin } = await website({
  pages: {
    "/": { html: snippet(server.url, data) },
    "/consent": { lang: "de", html: snippet(server.url, { ...data, consent: "click" }) },
    "/consent-inline": { html: snippet(server.url, { ...data, consent: "click", mode: "inline", open: "" }) },
    "/strict": { csp: STRICT, html: snippet(server.url, data) },
    "/nonce": { csp: BY_NONCE, html: snippet(server.url, data).replace("<script", "<script nonce=r4nd0m") },
  },
});

/**
 * What the page asked of anybody beside itself.
 *
 * @param {import("playwright-core").Page} page
 */
function requests(page) {
  /** @type {string[]} */
  const asked = [];
  page.on("request", (request) => request.url().startsWith(origin) || asked.push(new URL(request.url()).pathname));
  page.on("websocket", (socket) => asked.push(socket.url()));
  return asked;
}

/** Each path once, without what tells one build's from another one's. @param {string[]} paths */
const scripts = (paths) => [...new Set(paths.map((path) => path.replace(/-[\w-]+\.js$/, ".js")))];

/** @param {import("playwright-core").Page} page */
const kept = (page) =>
  page.evaluate(() => ({ local: Object.keys(localStorage), session: Object.keys(sessionStorage), cookie: document.cookie }));

const NOTHING = { local: [], session: [], cookie: "" };

it("with consent=click nothing is asked, read or kept before the click", async (t) => {
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  await context.addInitScript(() => {
    const touched = /** @type {string[]} */ ([]);
    Object.assign(window, { touched });
    for (const method of /** @type {const} */ (["getItem", "setItem", "removeItem"])) {
      const original = Storage.prototype[method];
      Storage.prototype[method] = function (/** @type {any[]} */ ...args) {
        touched.push(method);
        return Reflect.apply(original, this, args);
      };
    }
  });
  const page = await context.newPage();
  const asked = requests(page);
  await page.goto(`${origin}/consent`);
  const launcher = page.getByRole("button", { name: "Chat öffnen" });
  await launcher.hover();
  await page.evaluate(() => {
    const { chat } = /** @type {any} */ (window);
    chat("setTheme", "dark");
    chat("identify", () => Promise.reject(new Error("nobody may ask before the click")));
  });
  assert.deepEqual(scripts(asked), ["/chat.js", "/static/widget.js"]);
  await page.evaluate(() => /** @type {any} */ (window).chat("open"));
  await page.getByRole("button", { name: "Chat starten" }).waitFor();
  // A page that opens the chat by itself has the panel ask for consent; that is the panel's script, and nothing else.
  assert.deepEqual(scripts(asked), ["/chat.js", "/static/widget.js", "/static/panel.js"]);
  assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).touched), []);
  assert.deepEqual(await kept(page), NOTHING);
});

it("after the click the chat is there, and the guest is kept", async (t) => {
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  const page = await context.newPage();
  await page.goto(`${origin}/consent`);
  await page.getByRole("button", { name: "Chat öffnen" }).click();
  await new Chat(page).composer.waitFor();
  assert.equal((await kept(page)).local.length, 1);
  // The next page asks again: that somebody was here before is nothing it may look up by itself.
  await page.goto(`${origin}/consent-inline`);
  await page.getByRole("button", { name: "Start chatting" }).click();
  await new Chat(page).composer.waitFor();
});

it("a new visitor's page keeps nothing and opens no socket before the chat is opened", async (t) => {
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  const page = await context.newPage();
  const asked = requests(page);
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.launcher.waitFor();
  assert.deepEqual(scripts(asked), ["/chat.js", "/static/widget.js"]);
  assert.deepEqual(await kept(page), NOTHING);
  await chat.open();
  assert.deepEqual((await kept(page)).local, [`parlour:${server.url}/:${site.slug}:guest`]);
  assert.equal((await kept(page)).cookie, "");
  for (const address of asked) assert.doesNotMatch(address, /eyJ|gk_|token=/, "a secret in an address");
});

it("a guest who comes back is the same one", async (t) => {
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  const page = await context.newPage();
  const chat = new Chat(page);
  await page.goto(origin);
  await chat.open();
  await chat.say("I shall be back");
  await chat.sees("I shall be back");
  await page.reload();
  await chat.open();
  await chat.own.filter({ hasText: "I shall be back" }).waitFor();
});

for (const path of ["/strict", "/nonce"]) {
  it(`under a strict policy, with no trusted types: ${path}`, async (t) => {
    const context = await visitor(t, browser, { origins: [origin, server.url] });
    const page = await context.newPage();
    await page.goto(origin + path);
    const chat = new Chat(page);
    await chat.open();
    await chat.say(`Said under ${path}`);
    await chat.sees(`Said under ${path}`);
  });
}

it("with all storage blocked", async (t) => {
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  await context.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException("blocked", "SecurityError");
        },
      });
    }
  });
  const page = await context.newPage();
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.open();
  await chat.say("Nothing to keep it in");
  await chat.sees("Nothing to keep it in");
  // Closed and opened again, it is the same guest, for as long as the page lives.
  await page.getByRole("button", { name: "Close chat" }).first().click();
  await chat.open();
  await chat.own.filter({ hasText: "Nothing to keep it in" }).waitFor();
});

it("an unsigned identity never takes the place of a signed one", async (t) => {
  const signed = site.token({ sub: "ann", name: "Ann Signed" });
  const context = await visitor(t, browser, { origins: [origin, server.url], errors: [/401/] });
  const page = await context.newPage();
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.launcher.waitFor();
  await page.evaluate((token) => /** @type {any} */ (window).chat("identify", () => token), signed);
  await chat.open();
  await chat.say("Signed");
  await chat.sees("Signed");
  const parts = signed.split(".");
  const claims = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString()), name: "Eve" }));
  const forged = [parts[0], claims.toString("base64url"), parts[2]].join(".");
  await page.evaluate(async (forged) => {
    const element = /** @type {any} */ (document.querySelector("parlour-chat"));
    const refused = [];
    for (const identity of [{ name: "Eve" }, "", null, forged]) {
      await element.identify(identity).catch(() => refused.push(identity));
    }
    if (refused.length !== 4) throw new Error("an unsigned identity was taken");
  }, forged);
  await chat.say("Still signed");
  await chat.sees("Still signed");
  const messages = await room.owner.rest.messages(room.id);
  const names = await eventually(() => messages.filter(({ content }) => /igned$/.test(content)).map(({ user }) => user.name), "both");
  assert.deepEqual(names, ["Ann Signed", "Ann Signed"]);
});
