// @ts-check
// The two sample websites, as their visitors find them.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { serveSamples } from "../../../sample-site/serve.mjs";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { axe } from "./support/axe.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { startServer } from "./support/server.mjs";
import { shot } from "./support/shot.mjs";

/** @typedef {import("node:test").TestContext} TestContext */

const server = await startServer();
const browser = await launch();
const data = mkdtempSync(join(tmpdir(), "parlour-sample-"));
after(() => rmSync(data, { recursive: true, force: true }));
const chatOrigin = server.url.replace("127.0.0.1", "localhost");
const start = () => serveSamples({ server: chatOrigin, operatorToken: server.operatorToken, data });
// Twice: what is made the first time is found the second time.
(await start()).close();
const samples = await start();
after(() => samples.close());

/**
 * Somebody on a page of a site.
 *
 * @param {TestContext} t
 * @param {string} address
 * @param {import("playwright-core").BrowserContextOptions} [how]
 */
async function visit(t, address, how = {}) {
  const context = await visitor(t, browser, { origins: [chatOrigin, new URL(address).origin], ...how });
  const page = await context.newPage();
  await page.goto(address);
  return new Chat(page);
}

/**
 * Signs in to the blog.
 *
 * @param {Chat} chat
 * @param {string} name
 */
async function signIn({ page }, name) {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#sign-in").getByRole("button", { name }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

it("the blog hands out its pages, and tokens to those who are signed in", async () => {
  const ask = async (/** @type {string} */ path, /** @type {RequestInit} */ init = {}) => fetch(samples.blog + path, init);
  assert.equal((await ask("/night-train.html")).status, 200);
  for (const path of ["/backend.mjs", "/website.mjs", "/../lib/token.mjs", "/..%2fserve.mjs", "/%00"]) {
    assert.equal((await ask(path)).status, 404, path);
  }
  assert.equal((await ask("/chat-token")).status, 401);
  const post = { method: "POST", headers: { "content-type": "application/json" } };
  assert.equal((await ask("/sign-in", { ...post, body: '{"reader":"constructor"}' })).status, 422);
  assert.equal((await ask("/sign-in", { method: "POST", body: '{"reader":"ada"}' })).status, 400, "a form of another site");
  const signedIn = await ask("/sign-in", { ...post, body: '{"reader":"ada"}' });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const answer = await ask("/chat-token", { headers: { cookie } });
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const { token } = await answer.json();
  const { data } = await server.rest({ token }).ok("GET", "/auth/me");
  assert.equal(data.name, "Ada Lindqvist");
});

it("two readers of the blog talk, both ways and live", async (t) => {
  const ada = await visit(t, `${samples.blog}/night-train.html`, { viewport: { width: 1280, height: 820 } });
  const jonas = await visit(t, `${samples.blog}/night-train.html`);
  await signIn(ada, "Ada Lindqvist");
  await signIn(jonas, "Jonas Weber");
  await ada.open();
  await jonas.open();

  await ada.say("I took the *upper* berth on Tuesday. Best sleep in weeks!");
  await jonas.sees("I took the upper berth on Tuesday. Best sleep in weeks!");
  await jonas.say("Then I book the upper one. How was breakfast?");
  await ada.sees("Then I book the upper one. How was breakfast?");
  await ada.say("A roll, jam, and the sea in the window. Bring your own cup ☕");
  await jonas.sees("A roll, jam, and the sea in the window.");
  const talk = ["I took the upper berth on Tuesday. Best sleep in weeks!", "Then I book the upper one. How was breakfast?"];
  const last = "A roll, jam, and the sea in the window. Bring your own cup ☕";
  await ada.endsWith([...talk, last]);
  await jonas.endsWith([...talk, last]);
  assert.match(await jonas.rows.nth(-1).innerText(), /Ada Lindqvist/, "the name the blog vouches for");
  assert.equal(await ada.page.locator(".unread-line").count(), 0, "what comes while one looks is not new");
  await shot(ada.page, "travel-blog");
});

it("what a reader wrote as a guest stays theirs when they sign in", async (t) => {
  const chat = await visit(t, samples.blog);
  await chat.open();
  await chat.say("Written before signing in");
  await chat.sees("Written before signing in");
  await signIn(chat, "Leyla Haddad");
  await eventually(async () => {
    const said = { hasText: "Written before signing in" };
    return (await chat.rows.filter(said).count()) === 1 && (await chat.own.filter(said).count()) === 1;
  }, "the guest's message is the reader's own");
});

it("readers who sign out are nobody to the chat any more", async (t) => {
  const chat = await visit(t, samples.blog);
  await signIn(chat, "Ada Lindqvist");
  await chat.open();
  await chat.say("Signed in");
  await chat.sees("Signed in");
  await chat.page.getByRole("button", { name: "Sign out" }).click();
  await chat.page.getByRole("button", { name: "Sign in" }).waitFor();
  await chat.open();
  await chat.say("Signed out");
  await chat.sees("Signed out");
  assert.equal(await chat.own.count(), 1, "what the reader wrote is not the guest's");
});

it("a visitor of the shop sees nothing of the blog, and the other way round", async (t) => {
  const reader = await visit(t, `${samples.blog}/night-train.html`);
  const customer = await visit(t, samples.shop);
  await reader.open();
  await customer.open();
  await customer.say("Is the mug safe in the dishwasher?");
  await customer.sees("Is the mug safe in the dishwasher?");
  await reader.say("Said on the blog");
  await reader.sees("Said on the blog");
  const shop = (await customer.shown()).join("\n");
  const blog = (await reader.shown()).join("\n");
  assert.match(shop, /The kettle is on/);
  assert.doesNotMatch(shop, /berth|Said on the blog/);
  assert.match(blog, /upper berth/);
  assert.doesNotMatch(blog, /kettle|dishwasher/);
});

it("a product has a conversation of its own, which its first message begins", async (t) => {
  const address = `${samples.shop}/teapot.html`;
  const first = await visit(t, address);
  await first.composer.waitFor();
  assert.deepEqual(await first.shown(), []);
  await first.say("Does the lid stay on?");
  await first.sees("Does the lid stay on?");
  const second = await visit(t, `${address}?utm=letter#questions`);
  await second.sees("Does the lid stay on?");
  await second.say("It does, even upside down");
  await first.endsWith(["Does the lid stay on?", "It does, even upside down"]);
  await first.page.locator("#questions-title").scrollIntoViewIfNeeded();
  await shot(first.page, "shop-product");
  await axe(first.page, { state: "a product with its conversation" });
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  it(`the sites themselves are for everybody, ${colorScheme}`, async (t) => {
    const places = { blog: samples.blog, "blog-article": `${samples.blog}/night-train.html`, shop: samples.shop };
    for (const [name, address] of Object.entries(places)) {
      const { page, launcher } = await visit(t, address, { colorScheme });
      await launcher.waitFor();
      await shot(page, `${name}-${colorScheme}`);
      await axe(page, { state: `${name}, ${colorScheme}` });
    }
  });
}
