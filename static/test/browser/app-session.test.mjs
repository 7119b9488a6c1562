// @ts-check
// Coming in and going out: registering, signing in, guests, what is kept, and words for what does not work.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
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

it("somebody registers, comes back after a reload, signs out, and is out", async (t) => {
  const nora = await app(t);
  await nora.visit();
  await nora.way("Create account");
  await nora.send("nora", "correct horse battery");
  await nora.list.waitFor();
  await nora.page.getByRole("heading", { name: "Hello, nora" }).waitFor();

  await nora.page.reload();
  await nora.list.waitFor();

  const token = await nora.page.evaluate(() => Object.values(localStorage).find((value) => value.startsWith("ey")));
  assert.ok(token, "the session is kept");
  await nora.account("Sign out");
  await nora.page.getByRole("heading", { level: 1, name: /chat room/ }).waitFor();
  assert.deepEqual(await nora.page.evaluate(() => Object.keys(localStorage)), [], "nothing of the session is left");
  await eventually(async () => (await server.rest({ token }).request("GET", "/auth/me")).status === 401, "the token's end");
  await nora.page.reload();
  await nora.page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
});

it("a wrong password, a name that is taken and a short password are said in words, at the field they are about", async (t) => {
  const taken = await site.account("olga");
  const mallory = await app(t);
  await mallory.visit();
  await mallory.way("Sign in");
  await mallory.send(taken.username, "not the password");
  await mallory.page.getByRole("alert").getByText("Username or password is not right.").waitFor();

  await mallory.way("Create account");
  await mallory.send(taken.username, "short");
  const password = mallory.page.getByLabel("Password", { exact: true });
  await eventually(async () => (await password.getAttribute("aria-invalid")) === "true", "a short password to be refused");
  await mallory.send(taken.username, "long enough by far");
  await mallory.page.getByText("Somebody already has this username.").waitFor();
  assert.ok(
    await mallory.page.getByLabel("Username").evaluate((input) => input === document.activeElement),
    "the focus goes to what is wrong",
  );
  await axe(mallory.page, { state: "a refused registration" });
});

it("password managers are told what the fields are", async (t) => {
  const guest = await app(t);
  await guest.visit();
  await guest.page.getByLabel("Your name").waitFor();
  const hints = () =>
    guest.page.locator("form input").evaluateAll((inputs) => inputs.map((input) => input.getAttribute("autocomplete")));
  assert.deepEqual(await hints(), ["nickname"]);
  await guest.way("Sign in");
  assert.deepEqual(await hints(), ["username", "current-password"]);
  await guest.way("Create account");
  assert.deepEqual(await hints(), ["username", "new-password"]);
});

it("too many attempts are told with the time to wait, which runs down", async (t) => {
  await site.limit({ logins_per_account: "1/10s" });
  t.after(() => site.limit());
  const account = await site.account("petra");
  const petra = await app(t);
  await petra.visit();
  await petra.way("Sign in");
  await petra.send(account.username, "not the password");
  await petra.page.getByRole("alert").getByText("is not right").waitFor();
  await petra.send(account.username, account.password);
  const wait = petra.page.locator(".form-alert[aria-hidden]");
  await wait.getByText(/^Too many attempts\. Try again in \d+ seconds?\.$/).waitFor();
  assert.equal(await petra.submit.getAttribute("aria-disabled"), "true");
  const said = await wait.textContent();
  await eventually(async () => (await wait.textContent().catch(() => null)) !== said, "the seconds to run down");
  await wait.waitFor({ state: "detached" });
  await petra.submit.click();
  await petra.list.waitFor();
});

it("a guest chats under a name, changes it, and is the same after a reload", async (t) => {
  const guest = await app(t);
  await guest.visit();
  await guest.page.getByLabel("Your name").fill("Sam");
  await guest.submit.click();
  await guest.page.getByRole("button", { name: /^Your account Sam\b/ }).waitFor();
  await guest.account("Change your name");
  await guest.page.getByRole("dialog").getByLabel("Your name").fill("Samira");
  await guest.page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await guest.page.getByRole("button", { name: /^Your account Samira\b/ }).waitFor();
  await guest.page.reload();
  await guest.page.getByRole("button", { name: /^Your account Samira\b/ }).waitFor();
});

it("a new password keeps one in, and is the one that counts", async (t) => {
  const account = await site.account("quentin");
  const quentin = await app(t);
  await quentin.signIn(account);
  await quentin.account("Change password");
  const dialog = quentin.page.getByRole("dialog");
  await dialog.getByLabel("Current password", { exact: true }).fill("not the password");
  await dialog.getByLabel("New password", { exact: true }).fill("a better horse");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("This is not your current password.").waitFor();
  await dialog.getByLabel("Current password", { exact: true }).fill(account.password);
  await dialog.getByRole("button", { name: "Save" }).click();
  await quentin.page.getByText("Your password is changed.").waitFor();
  await quentin.page.reload();
  await quentin.list.waitFor();
  const rest = server.rest({ tenant: site.slug });
  await rest.ok("POST", "/auth/login", { username: account.username, password: "a better horse" });
});

it("a session that was ended elsewhere leads back to the landing, with a word about it", async (t) => {
  const account = await site.account("rosa");
  const rosa = await app(t);
  await rosa.signIn(account);
  const token = await rosa.page.evaluate(() => Object.values(localStorage).find((value) => value.startsWith("ey")));
  await rosa.page.goto("about:blank");
  await server.rest({ token }).ok("DELETE", "/auth/logout");
  await rosa.visit();
  await rosa.page.getByText("Your session has ended.").waitFor();
  await rosa.page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
});

it("a session that is ended while the page is open leads back, too, in every tab", async (t) => {
  const account = await site.account("selma");
  const context = await visitor(t, browser, { origins: [server.url], errors: REFUSED });
  const selma = await App.in(context, server.url, site.slug);
  await selma.signIn(account);
  const tab = await App.in(context, server.url, site.slug);
  await tab.visit();
  await tab.list.waitFor();
  await tab.account("Sign out");
  await tab.page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
  await selma.page.getByText("Your session has ended.").waitFor();
  await selma.page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
});

it("a tab whose session ends does not forget the one that began in another tab meanwhile", async (t) => {
  const [first, second] = [await site.account("tamara"), await site.account("toni")];
  const context = await visitor(t, browser, { origins: [server.url], errors: REFUSED });
  const old = await App.in(context, server.url, site.slug);
  await old.signIn(first);
  await context.setOffline(true);
  const { token } = first;
  await server.rest({ token }).ok("PUT", "/auth/password", { current_password: first.password, new_password: "another horse" });
  await old.page.evaluate(() => localStorage.clear());
  await context.setOffline(false);
  const fresh = await App.in(context, server.url, site.slug);
  await fresh.signIn(second);
  await old.page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
  await fresh.page.reload();
  await fresh.page.getByRole("button", { name: new RegExp(second.username) }).waitFor();
});

it("without storage everything works, until the page is left", async (t) => {
  const context = await visitor(t, browser, { origins: [server.url] });
  await context.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("forbidden", "SecurityError");
      },
    });
  });
  const account = await site.account("tilda");
  const tilda = await App.in(context, server.url, site.slug);
  await tilda.signIn(account);
  await tilda.list.waitFor();
});
