// @ts-check
// What the page is for who is not signed in: the line for one's own site, words for what is not there, language and look.
import assert from "node:assert/strict";
import { it } from "node:test";
import { App } from "./support/app.mjs";
import { axe } from "./support/axe.mjs";
import { launch, REFUSED, visitor } from "./support/browser.mjs";
import { startServer, tenant } from "./support/server.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/**
 * @param {import("node:test").TestContext} t
 * @param {Parameters<typeof visitor>[2]} [how]
 */
async function app(t, how = {}) {
  return App.in(await visitor(t, browser, { origins: [server.url], errors: REFUSED, ...how }), server.url, site.slug);
}

it("a tenant that lets nobody new in says so, and its accounts still get in", async (t) => {
  const closed = await tenant(server, { guests: false });
  const account = await closed.account("ulla");
  await closed.admin("PATCH", "", { settings: { registration: false } });
  const context = await visitor(t, browser, { origins: [server.url] });
  const ulla = await App.in(context, server.url, closed.slug);
  await ulla.visit();
  await ulla.page.getByText("New accounts and guests are not let in here.").waitFor();
  assert.equal(await ulla.page.getByRole("button", { name: "Create account" }).count(), 0);
  await axe(ulla.page, { state: "nobody new" });
  await ulla.send(account.username, account.password);
  await ulla.list.waitFor();
});

it("an unknown tenant, a suspended one and a server that is gone are told apart", async (t) => {
  const context = await visitor(t, browser, { origins: [server.url], errors: REFUSED });
  const lost = await App.in(context, server.url, "no-such-site");
  await lost.visit();
  await lost.page.getByRole("heading", { name: "There is no chat called “no-such-site” here" }).waitFor();
  await axe(lost.page, { state: "an unknown tenant" });

  const off = await tenant(server);
  await off.admin("PUT", "/suspension");
  const suspended = await App.in(context, server.url, off.slug);
  await suspended.visit();
  await suspended.page.getByRole("heading", { name: "This chat is switched off at the moment" }).waitFor();

  const cut = await App.in(context, server.url, site.slug);
  await cut.page.route("**/api/v1/tenant**", (route) => route.abort());
  await cut.visit();
  await cut.page.getByRole("heading", { name: "The chat cannot be reached" }).waitFor();
  await cut.page.unroute("**/api/v1/tenant**");
  await cut.page.getByRole("button", { name: "Try again" }).click();
  await cut.page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
});

it("the landing has the line for one's own site, and copies it", async (t) => {
  const context = await visitor(t, browser, { origins: [server.url], permissions: ["clipboard-read", "clipboard-write"] });
  const owner = await App.in(context, server.url, site.slug);
  await owner.visit();
  const line = `<script async src="${server.url}/chat.js" data-tenant="${site.publicKey}"></script>`;
  await owner.page.getByText(line).waitFor();
  await owner.page.getByRole("button", { name: "Copy" }).click();
  await owner.page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await owner.page.evaluate(() => navigator.clipboard.readText()), line);
  assert.equal(new URL(await linkTo("Interface description")).pathname, "/docs/");
  assert.equal(new URL(await linkTo("Check your installation")).pathname, "/embed/doctor");

  /** @param {string} name */
  function linkTo(name) {
    return owner.page.getByRole("link", { name }).evaluate((link) => link instanceof HTMLAnchorElement ? link.href : "");
  }
});

it("language and look are chosen in the page, and kept", async (t) => {
  const someone = await app(t);
  await someone.visit();
  await someone.page.getByRole("button", { name: "Language and look" }).click();
  await someone.page.getByLabel("Dark").check();
  await someone.page.getByLabel("Language", { exact: true }).selectOption("ar");
  await someone.page.getByRole("heading", { name: "دردشة لأي موقع" }).waitFor();
  assert.deepEqual(await chosen(), { theme: "dark", lang: "ar", dir: "rtl", scheme: "dark" });
  await someone.page.reload();
  await someone.page.getByRole("heading", { name: "دردشة لأي موقع" }).waitFor();
  assert.deepEqual(await chosen(), { theme: "dark", lang: "ar", dir: "rtl", scheme: "dark" });

  function chosen() {
    return someone.page.evaluate(() => {
      const { dataset, lang, dir } = document.documentElement;
      return { theme: dataset["theme"], lang, dir, scheme: getComputedStyle(document.documentElement).colorScheme };
    });
  }
});

it("what could not be loaded on the way through a tunnel is loaded after it", async (t) => {
  const account = await site.account("vera");
  const vera = await app(t, { errors: [/Failed to load resource/] });
  /** @type {Set<string>} */
  const failed = new Set();
  vera.page.setDefaultTimeout(20_000);
  await vera.page.route(/\/static\/(chat-page|entrance|forms|panes|en)-/, (route) => {
    const again = failed.has(route.request().url());
    failed.add(route.request().url());
    return again ? route.continue() : route.abort();
  });
  await vera.signIn(account);
  await vera.page.getByRole("heading", { name: `Hello, ${account.username}` }).waitFor();
  assert.equal(failed.size, 5);
});
