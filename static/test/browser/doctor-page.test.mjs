// @ts-check
// The embed doctor looks at tenants and origins; and what its page does with what is entered.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { launch, REFUSED, visitor } from "./support/browser.mjs";
import { examine, findings } from "./support/doctor.mjs";
import { startServer, tenant } from "./support/server.mjs";

const ORIGIN = "https://www.shop.example";

const chat = await startServer({ "socket.longpoll_window": "1s" });
const browser = await launch();
const site = await tenant(chat, { allowed_origins: [ORIGIN] });
const closed = await tenant(chat, { guests: false });
const { secret: admin } = await site.tenantAdmin();

/**
 * @param {import("node:test").TestContext} t
 * @param {object} [options]
 */
async function page(t, options = {}) {
  const context = await visitor(t, browser, { origins: [chat.url], errors: REFUSED, ...options });
  return context.newPage();
}

describe("tenant and origin", () => {
  it("a tenant that is not there", async (t) => {
    const found = await examine(await page(t), chat.url, { tenant: "pk_nobody", origin: ORIGIN });
    found.hasFaults({ tenant: [/knows no tenant “pk_nobody”/, /parlour tenant list/] });
  });

  it("a tenant that is suspended", async (t) => {
    const gone = await tenant(chat);
    await gone.admin("PUT", "/suspension", {});
    const found = await examine(await page(t), chat.url, { tenant: gone.slug });
    found.hasFaults({ tenant: [/suspended/, new RegExp(`parlour tenant resume ${gone.slug}`)] });
  });

  it("a secret in place of the key goes nowhere", async (t) => {
    const where = await page(t);
    /** @type {string[]} */
    const sent = [];
    where.on("request", (request) => sent.push(JSON.stringify([request.url(), request.headers(), request.postData()])));
    const found = await examine(where, chat.url, { tenant: "sk_secret", token: "ta_secret" });
    found.hasFaults({ tenant: [/secret key\. It was not sent anywhere/], tokenShape: [/secret key/] });
    assert.ok(sent.length > 3);
    assert.doesNotMatch(sent.join(), /_secret/);
  });

  it("an origin that is not listed, and one that is", async (t) => {
    const where = await page(t);
    const unseen = await examine(where, chat.url, { tenant: site.slug, origin: "shop.example" });
    unseen.hasFaults({ origin: [/https:\/\/shop\.example is not among/, /https:\/\/www\.shop\.example is, and differs/, /tenant show/] });
    const seen = await examine(where, chat.url, { tenant: site.slug, origin: "shop.example", admin });
    seen.says("origin", /allowed_origins=\["https:\/\/www\.shop\.example","https:\/\/shop\.example"\]/);
  });

  it("a site where guests do not come in", async (t) => {
    const found = await examine(await page(t), chat.url, { tenant: closed.slug });
    assert.deepEqual(found.in("broken"), []);
    found.says("accepted", /no guests/, /guests=true/);
    assert.equal(found.states.socket, "skipped");
  });
});

describe("the page", () => {
  it("takes the tenant from its address, and puts nothing secret there or into what is copied", async (t) => {
    const where = await page(t, { permissions: ["clipboard-read", "clipboard-write"] });
    await where.goto(`${chat.url}/embed/doctor?tenant=${site.publicKey}`);
    const signed = site.token({ iss: "other-website", name: "Ann Secret" });
    await where.getByLabel("A user’s token").fill(signed);
    await where.getByRole("button", { name: "Examine" }).click();
    await findings(where);
    await where.getByRole("button", { name: "Copy the result" }).click();
    await where.getByRole("button", { name: "Copied" }).waitFor();
    const report = await where.evaluate(() => navigator.clipboard.readText());
    assert.match(report, /✗ Issuer: iss: iss is “other-website”/);
    assert.match(report, new RegExp(`Set iss to “${site.slug}”`));
    for (const part of [signed, ...signed.split("."), "Ann Secret"]) assert.ok(!report.includes(part));
    assert.equal(where.url(), `${chat.url}/embed/doctor?tenant=${site.publicKey}`);
    assert.ok(!(await where.locator(".doctor-results").innerHTML()).includes(signed.slice(0, 30)));
  });

  it("judges tokens by the server's clock, and tells when the device's is wrong", async (t) => {
    const where = await page(t);
    await where.addInitScript(() => {
      const { now } = Date;
      Date.now = () => now() + 600_000;
    });
    const found = await examine(where, chat.url, { tenant: site.slug, token: site.token({ name: "Ann" }) });
    assert.deepEqual(found.in("broken"), []);
    assert.deepEqual(found.in("warning"), ["clock"]);
    found.says("clock", /10 mins? ahead/, /NTP/);
    found.says("tokenTimes", /10 min/);
  });

  it("stops when it is told to", async (t) => {
    const where = await page(t);
    await where.goto(`${chat.url}/embed/doctor?tenant=${site.slug}`);
    await where.getByRole("button", { name: "Examine" }).click();
    await where.locator('[data-check="pollPrompt"][data-state="good"]').waitFor();
    await where.getByRole("button", { name: "Stop" }).click();
    await where.getByText("Stopped before the end.").waitFor();
    assert.equal(await where.locator('[data-check="pollHeld"]').getAttribute("data-state"), "skipped");
    assert.equal(await where.locator('[data-state="running"]').count(), 0);
  });

  it("shows texts of tokens as texts", async (t) => {
    const where = await page(t);
    const name = '<img src=x onerror="alert(1)">';
    const found = await examine(where, chat.url, { tenant: site.slug, token: site.token({ iss: name }) });
    found.says("tokenIss", /<img src=x/);
    assert.equal(await where.locator(".doctor-results img").count(), 0);
  });
});
