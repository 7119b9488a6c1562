// @ts-check
// Who the visitor is: a user of the website, a guest, or somebody with an account of the server.
import assert from "node:assert/strict";
import { it } from "node:test";
import { Proxy } from "../../../tests/clients/support/proxy.mjs";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { snippet, website } from "./support/sites.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site);
const members = await tenant(server, { guests: false });
await members.user("Somebody").then((user) => user.rest.room({ name: "Members" }));

const { origin } = await website({
  pages: {
    "/": { html: snippet(server.url, { tenant: site.slug, room: room.slug }) },
    "/full": { html: snippet(server.url, { tenant: site.publicKey }) },
    "/members": { html: snippet(server.url, { tenant: members.slug, room: "members", open: "" }) },
  },
});

/**
 * @param {import("node:test").TestContext} t
 * @param {string} path
 * @param {Parameters<typeof visitor>[2]} [how]
 */
async function visit(t, path, how = {}) {
  const context = await visitor(t, browser, { origins: [origin, server.url], ...how });
  const page = await context.newPage();
  await page.goto(origin + path);
  await page.waitForFunction(() => customElements.get("parlour-chat"));
  return { page, chat: new Chat(page) };
}

/** @param {import("playwright-core").Page} page @param {string} token */
const identify = (page, token) => page.evaluate((token) => /** @type {any} */ (window).chat("identify", () => token), token);

for (const path of ["/", "/full"]) {
  it(`a user of the site sees on the closed launcher what is unread: ${path}`, async (t) => {
    const user = await site.user("Rita Reader");
    await user.rest.ok("POST", `/rooms/${room.id}/join`);
    await room.owner.rest.send(room.id, "one");
    const { page } = await visit(t, path);
    await identify(page, user.signed);
    await page.getByRole("button", { name: "Open chat, 1 unread message" }).waitFor();
    await room.owner.rest.send(room.id, "two");
    await page.getByRole("button", { name: "Open chat, 2 unread messages" }).waitFor();
  });
}

it("what a guest wrote is theirs when they turn out to be a user of the site", async (t) => {
  const { page, chat } = await visit(t, "/");
  await chat.open();
  await chat.say("Written as a guest");
  await chat.own.filter({ hasText: "Written as a guest" }).waitFor();
  await identify(page, site.token({ sub: "guest-no-more", name: "Gus Guest" }));
  await eventually(() => page.evaluate(() => localStorage.length === 0), "the guest's key is gone");
  await chat.own.filter({ hasText: "Written as a guest" }).waitFor();
  const messages = await room.owner.rest.messages(room.id);
  assert.equal(messages.find(({ content }) => content === "Written as a guest").user.name, "Gus Guest");
});

it("the end of the guest's session does not get into the way of the user they turn out to be", async (t) => {
  const { page, chat } = await visit(t, "/");
  const ended = new Promise((resolve) => page.on("websocket", (socket) => socket.on("close", resolve)));
  await chat.open();
  await chat.say("Written as another guest");
  await chat.own.filter({ hasText: "Written as another guest" }).waitFor();
  await page.route("**/auth/claim", async (route) => {
    const response = await route.fetch();
    await ended;
    // Whatever the page asks for because of that is under way, and this goes after it.
    await page.evaluate((url) => fetch(url, { mode: "no-cors" }), `${server.url}/health/live`);
    await route.fulfill({ response });
  });
  await identify(page, site.token({ sub: "nor-a-guest", name: "Gia Guest" }));
  await eventually(() => page.evaluate(() => localStorage.length === 0), "the guest's key is gone");
  await chat.own.filter({ hasText: "Written as another guest" }).waitFor();
  await chat.say("Written as myself");
  await chat.own.filter({ hasText: "Written as myself" }).waitFor();
});

it("whom the site's backend does not vouch for is told so, and is no guest instead", async (t) => {
  const { page, chat } = await visit(t, "/", { errors: [/401/] });
  await identify(page, "no.good.token");
  await chat.launcher.click();
  await page.getByRole("alert").waitFor();
  assert.equal(await chat.composer.count(), 0);
  // The backend is asked again.
  await page.evaluate((token) => /** @type {any} */ (window).chat("identify", () => token), site.token({ sub: "late", name: "Late" }));
  await chat.composer.waitFor();
});

it("a site that is set up wrong is told where to look", async (t) => {
  const page = await (await visitor(t, browser, { errors: [/404/] })).newPage();
  /** @type {string[]} */
  const warnings = [];
  page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
  const wrong = await website({ pages: { "/": { html: snippet(server.url, { tenant: "pk_nobody", open: "" }) } } });
  await page.goto(wrong.origin);
  await page.getByText("This chat is not available").waitFor();
  await eventually(() => warnings.length > 0, "the warning");
  assert.equal(warnings.length, 1);
  assert.ok(warnings[0]?.includes(`${server.url}/embed/doctor?tenant=pk_nobody`), warnings[0]);
});

it("a guest whom the server does not take any more is asked who they are", async (t) => {
  const { page, chat } = await visit(t, "/", { errors: [/401/] });
  await page.evaluate((name) => localStorage.setItem(name, "gk_nobody"), `parlour:${server.url}/:${site.slug}:guest`);
  await page.reload();
  await chat.launcher.click();
  await page.getByLabel(/name/i).fill("Somebody new");
  await page.keyboard.press("Enter");
  await chat.say("Here again");
  await chat.sees("Here again");
});

it("an account's session lasts as long as the tab", async (t) => {
  const account = await members.account("Aka");
  const { page, chat } = await visit(t, "/members", { errors: [/401/] });
  await page.getByLabel("Username").fill(account.username);
  await page.getByLabel("Password", { exact: true }).fill(account.password);
  await page.keyboard.press("Enter");
  await chat.composer.waitFor();
  await page.reload();
  await chat.composer.waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  const other = await page.context().newPage();
  await other.goto(`${origin}/members`);
  await other.getByLabel("Username").waitFor();
  // Signed out elsewhere, the tab asks to sign in again.
  await account.rest.ok("PUT", "/auth/password", { current_password: account.password, new_password: "another correct horse" });
  await page.reload();
  await page.getByLabel("Username").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

it("with keep-unsent, what a user wrote without a connection is sent after a reload, once and in order", async (t) => {
  const line = await Proxy.start(t, server.server);
  const { origin } = await website({
    pages: { "/": { html: snippet(line.url, { tenant: site.slug, room: room.slug, "keep-unsent": "", open: "" }) } },
  });
  const context = await visitor(t, browser, { origins: [origin, line.url], errors: [/ERR_|WebSocket/] });
  const user = site.token({ sub: "tunnel", name: "Tunnel User" });
  await context.addInitScript((user) => Object.assign(window, { chat: Object.assign(() => {}, { q: [["identify", () => user]] }) }), user);
  const page = await context.newPage();
  const chat = new Chat(page);
  await page.goto(origin);
  await chat.say("before the tunnel");
  await chat.sees("before the tunnel");
  line.block();
  for (const text of ["in the tunnel 1", "in the tunnel 2", "in the tunnel 3"]) await chat.say(text);
  await chat.rows.filter({ hasText: "in the tunnel 3" }).waitFor();
  // What is shown is written down a moment later.
  await eventually(async () => (await page.evaluate(keptMessages)) === 3, "all three are kept");
  await page.close();
  line.unblock();
  const later = new Chat(await context.newPage());
  await later.page.goto(origin);
  await later.endsWith(["before the tunnel", "in the tunnel 1", "in the tunnel 2", "in the tunnel 3"]);
  await later.sees("in the tunnel 3");
  const sent = (await room.owner.rest.messages(room.id)).filter(({ content }) => content.startsWith("in the tunnel"));
  assert.equal(sent.length, 3);
  // Who signs out leaves nothing in the browser.
  await later.page.evaluate(() => /** @type {any} */ (window).chat("shutdown"));
  await eventually(() => later.page.evaluate(async () => (await indexedDB.databases()).length === 0), "no database is left");
});

/** How many messages the page's one database keeps. */
async function keptMessages() {
  const [{ name = "" } = {}] = await indexedDB.databases();
  /** @type {IDBDatabase} */
  const database = await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(/** @type {any} */ (target).result)));
  const request = database.transaction("messages").objectStore("messages").count();
  const count = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  database.close();
  return count;
}
