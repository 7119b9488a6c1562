// @ts-check
// Moving about in the app: rooms, direct messages, unread counts, the back button, phones, the keyboard.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { App } from "./support/app.mjs";
import { axe } from "./support/axe.mjs";
import { DEVICES, launch, visitor } from "./support/browser.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { shot } from "./support/shot.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/**
 * Somebody with an account, signed in on a device of their own.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} name
 * @param {Parameters<typeof visitor>[2] & {params?: Record<string, string>}} [how]
 */
async function person(t, name, { params, ...how } = {}) {
  const account = await site.account(name);
  // Colours are looked at: not halfway through an animation.
  const context = await visitor(t, browser, { origins: [server.url], reducedMotion: "reduce", ...how });
  const app = await App.in(context, server.url, site.slug);
  await app.signIn(account, params);
  return { app, account };
}

it("somebody makes a room, and another one finds and joins it", async (t) => {
  const { app: ann } = await person(t, "ann");
  await ann.start("New room");
  const dialog = ann.page.getByRole("dialog", { name: "New room" });
  await dialog.getByLabel("Name").fill("Book club");
  await dialog.getByLabel("Description").fill("One a month");
  await dialog.getByRole("button", { name: "Create room" }).click();
  await ann.chat.composer.waitFor();
  assert.match(ann.page.url(), /[?&]room=book-club(&|$)/);
  assert.equal(await ann.row("Book club").getAttribute("aria-current"), "page");

  const { app: ben } = await person(t, "ben");
  await ben.page.getByRole("button", { name: "Join Book club" }).click();
  await ben.chat.say("Which one is next?");
  await ann.chat.sees("Which one is next?");
  await ben.row("Book club").waitFor();
});

it("a direct message reaches somebody in another room: badge, title, and back to nothing when it is read", async (t) => {
  const { app: cleo, account: hers } = await person(t, "cleo");
  const { app: dan, account: his } = await person(t, "dan");
  await dan.start("New message");
  const dialog = dan.page.getByRole("dialog", { name: "New message" });
  await dialog.getByLabel("Search people").fill(hers.username.slice(0, 8));
  await dialog.getByRole("button", { name: new RegExp(hers.username) }).click();
  await dan.chat.say("Are you there?");
  await dan.chat.say(`@${hers.username}, hello?`);

  const row = cleo.row(his.username);
  await row.filter({ hasText: "unread: 2" }).waitFor();
  await row.filter({ hasText: "mentions of you: 1" }).waitFor();
  await eventually(async () => (await cleo.page.title()).startsWith("(2) "), "the count in the title");
  await axe(cleo.page, { state: "unread messages" });
  await row.click();
  await cleo.chat.sees("hello?");
  await eventually(async () => !(await row.innerText()).includes("unread"), "the end of the badge");
  await eventually(async () => !(await cleo.page.title()).startsWith("("), "the title without a count");
  await cleo.chat.say("Now I am.");
  await dan.chat.sees("Now I am.");
});

it("the browser's back button goes through the rooms, and a link leads into one", async (t) => {
  const one = await publicRoom(site, "Harbour");
  const two = await publicRoom(site, "Lighthouse");
  const { app: eva, account } = await person(t, "eva", { params: { room: two.slug } });
  await eva.page.getByRole("region", { name: two.name }).first().waitFor();
  for (const { id } of [one, two]) await account.rest.ok("POST", `/rooms/${id}/join`);
  await eva.row(one.name).click();
  await eva.chat.composer.waitFor();
  const room = () => new URL(eva.page.url()).searchParams.get("room");
  assert.equal(room(), one.slug);
  await eva.page.goBack();
  await eva.page.getByRole("region", { name: two.name }).first().waitFor();
  assert.equal(room(), two.slug);
  await eva.page.goForward();
  await eva.page.getByRole("region", { name: one.name }).first().waitFor();
  assert.equal(await eva.row(one.name).getAttribute("aria-current"), "page");
});

it("a room that is not there, or not open to one, is told in words", async (t) => {
  const owner = await site.account("fritz");
  const secret = await owner.rest.room({ name: "Secret", kind: "private" });
  const { app: gil } = await person(t, "gil", { params: { room: "no-such-room" }, errors: [/Failed to load resource/] });
  await gil.page.getByRole("heading", { name: "This room is not there" }).waitFor();
  await axe(gil.page, { state: "a room that is not there" });
  await gil.visit({ room: secret.slug });
  await gil.page.getByRole("heading", { name: "This room is not there" }).waitFor();
});

it("a room's details name its members; leaving it asks first; being removed is told", async (t) => {
  const room = await publicRoom(site, "Garden");
  const { app: hana, account } = await person(t, "hana", { params: { room: room.slug } });
  await hana.chat.say("Hello");
  await hana.row(room.name).waitFor();
  await hana.page.getByRole("region", { name: room.name }).getByRole("button", { name: room.name }).click();
  await hana.page.getByRole("heading", { name: "Members: 2" }).waitFor();
  await hana.page.getByRole("button", { name: /Olga Owner.*Owner|Olga Owner.*Admin/ }).waitFor();
  await shot(hana.page, "app-details");
  await axe(hana.page, { state: "details" });
  await hana.page.getByRole("button", { name: /Olga Owner/ }).last().click();
  await hana.page.getByRole("button", { name: "Send a message" }).waitFor();
  await shot(hana.page, "app-person");
  await axe(hana.page, { state: "a profile" });
  await hana.page.getByRole("button", { name: "Close" }).last().click();

  await hana.page.getByRole("button", { name: "Leave room" }).click();
  const question = hana.page.getByRole("alertdialog", { name: "Leave Garden?" });
  await question.waitFor();
  await axe(hana.page, { state: "a question" });
  await question.getByRole("button", { name: "Leave room" }).click();
  await hana.row(room.name).waitFor({ state: "detached" });

  const club = await room.owner.rest.room({ name: "Club", kind: "private" });
  await room.owner.rest.ok("POST", `/rooms/${club.id}/members`, { user_id: account.id });
  await hana.row("Club").click();
  await hana.chat.composer.waitFor();
  await room.owner.rest.ok("DELETE", `/rooms/${club.id}/members/${account.id}`);
  await hana.page.getByText("You are no longer in Club.").waitFor();
  await hana.row("Club").waitFor({ state: "detached" });
});

it("on a phone there is one pane: list, conversation, details, and back again, by button and by gesture", async (t) => {
  const room = await publicRoom(site, "Station");
  const { app: ida, account } = await person(t, "ida", DEVICES.phone);
  await account.rest.ok("POST", `/rooms/${room.id}/join`);
  const { list } = ida;
  await shot(ida.page, "app-phone-list");
  await ida.row(room.name).tap();
  await ida.chat.composer.waitFor();
  await list.waitFor({ state: "hidden" });
  assert.equal(await ida.chat.composer.evaluate((field) => field === document.activeElement), false, "no keyboard pops up");
  assert.ok(await ida.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the phone");
  await shot(ida.page, "app-phone-conversation");
  await ida.page.getByRole("button", { name: "Back" }).tap();
  await list.waitFor();
  assert.equal(new URL(ida.page.url()).searchParams.get("room"), null);
  await eventually(() => ida.row(room.name).evaluate((row) => row === document.activeElement), "the focus where one was");

  await ida.row(room.name).tap();
  await ida.chat.composer.waitFor();
  await ida.page.goBack();
  await list.waitFor();
  await ida.page.setViewportSize({ width: 320, height: 568 });
  assert.ok(await ida.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nor wider than 320 px");
});

it("everything is reached by the keyboard alone", async (t) => {
  const room = await publicRoom(site, "Workshop");
  const account = await site.account("juri");
  await account.rest.ok("POST", `/rooms/${room.id}/join`);
  const context = await visitor(t, browser, { origins: [server.url] });
  const juri = await App.in(context, server.url, site.slug);
  const { keyboard } = juri.page;
  await juri.visit();
  await juri.submit.waitFor();
  await to("Sign in");
  await keyboard.press("Enter");
  await to("Username");
  await keyboard.type(account.username);
  await keyboard.press("Tab");
  await keyboard.type(account.password);
  await keyboard.press("Enter");
  await juri.row(room.name).waitFor();

  await to("Search conversations");
  await keyboard.type("works");
  await to(room.name);
  await keyboard.press("Enter");
  await juri.chat.composer.waitFor();
  await eventually(() => juri.chat.composer.evaluate((field) => field === document.activeElement), "the focus in the composer");
  await keyboard.type("Only keys");
  await keyboard.press("Enter");
  await juri.chat.sees("Only keys");

  await to("Start something new");
  await keyboard.press("Enter");
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  const dialog = juri.page.getByRole("dialog", { name: "New room" });
  await dialog.waitFor();
  for (let presses = 0; presses < 12; presses += 1) {
    await keyboard.press("Tab");
    assert.ok(await dialog.evaluate((element) => element.contains(document.activeElement)), "the focus stays in the dialog");
  }
  await keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await focused(), "Start something new");

  await to("Your account");
  await keyboard.press("Enter");
  await juri.page.getByRole("menuitem", { name: "Language and look" }).waitFor();
  await keyboard.press("End");
  await keyboard.press("Enter");
  await juri.page.getByRole("heading", { name: /^Welcome to/ }).waitFor();

  function focused() {
    return juri.page.evaluate(() => {
      const element = document.activeElement === document.body ? null : document.activeElement;
      const label = element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : null;
      return (element?.getAttribute("aria-label") ?? label ?? element?.textContent ?? "").trim();
    });
  }

  /** Presses Tab until the focus is on something with this in its name. @param {string} name */
  async function to(name) {
    const passed = [];
    for (let presses = 0; presses < 40; presses += 1) {
      await keyboard.press("Tab");
      const now = await focused();
      if (now.includes(name)) return;
      passed.push(now);
    }
    assert.fail(`${name} is not reached by Tab: ${passed.join(" | ")}`);
  }
});
