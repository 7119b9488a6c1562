// @ts-check
// Writing: keys, compositions of characters, completion, emoji, limits, drafts, changes.
import assert from "node:assert/strict";
import { it } from "node:test";
import { launch } from "./support/browser.mjs";
import { seat } from "./support/seat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site, "Writing");
await room.owner.rest.send(room.id, "Welcome");
const { message_chars_max: charsMax } = (await server.rest({ tenant: site.slug }).ok("GET", "/tenant")).data;

/**
 * @param {import("node:test").TestContext} t
 * @param {string} [name]
 */
async function writer(t, name = "Wanda Writer") {
  const user = await site.user(name);
  const chat = await seat(t, browser, site, room, user);
  await chat.sees("Welcome");
  return chat;
}

it("Enter sends, Shift+Enter begins a line, and Enter in a composition does neither", async (t) => {
  const chat = await writer(t);
  await chat.composer.click();
  await chat.page.keyboard.type("first");
  await chat.page.keyboard.press("Shift+Enter");
  await chat.page.keyboard.type("second");
  assert.equal(await chat.composer.inputValue(), "first\nsecond");

  const cdp = await chat.page.context().newCDPSession(chat.page);
  await cdp.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
  // Enter takes a suggestion of the input method: the page hears of a key of a composition.
  await chat.composer.dispatchEvent("keydown", { key: "Enter", isComposing: true, bubbles: true });
  await chat.composer.dispatchEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true });
  assert.equal(await chat.own.count(), 0);
  await cdp.send("Input.insertText", { text: "日本" });
  assert.equal(await chat.composer.inputValue(), "first\nsecond日本");

  await chat.page.keyboard.press("Enter");
  await chat.sees("second日本");
  assert.equal(await chat.composer.inputValue(), "");
  assert.equal(await chat.own.count(), 1);
});

it("a message is one row from Enter on, and the same one when it has arrived", async (t) => {
  const chat = await writer(t);
  await chat.log.evaluate((log) => {
    /** @type {string[]} */
    const seen = [];
    new MutationObserver((changes) => {
      for (const { addedNodes, removedNodes, target, attributeName } of changes) {
        for (const node of addedNodes) if (node instanceof Element && node.matches(".message")) seen.push(`+ ${node.className}`);
        for (const node of removedNodes) if (node instanceof Element && node.matches(".message")) seen.push("-");
        if (attributeName === "class" && target instanceof Element && target.matches(".message-own")) seen.push(target.className);
      }
    }).observe(log, { childList: true, subtree: true, attributeFilter: ["class"] });
    Object.assign(window, { seen });
  });
  const before = await chat.rows.count();
  await chat.say("once");
  await chat.sees("once");
  assert.equal(await chat.rows.count(), before + 1);
  const seen = await chat.page.evaluate(() => /** @type {any} */ (window).seen);
  assert.equal(seen.filter((/** @type {string} */ line) => line.startsWith("+")).length, 1, seen.join("\n"));
  assert.ok(!seen.includes("-"), seen.join("\n"));
  assert.match(seen[0], /message-pending/);
  assert.doesNotMatch(seen.at(-1), /message-pending/);
});

it("what is left is told near the limit, and nothing is sent beyond it", async (t) => {
  const chat = await writer(t);
  const send = chat.page.getByRole("button", { name: "Send" });
  assert.equal(await send.isDisabled(), true);
  await chat.composer.fill("a".repeat(charsMax - 3));
  await chat.page.getByText("3 characters left").waitFor();
  assert.equal(await send.isDisabled(), false);
  // Characters are counted, not their halves.
  await chat.composer.fill("😀".repeat(charsMax));
  await chat.page.getByText("0 characters left").waitFor();
  await chat.composer.fill("a".repeat(charsMax + 1));
  await chat.page.getByText("1 character too many").waitFor();
  await chat.composer.press("Enter");
  assert.equal(await send.isDisabled(), true);
  assert.equal(await chat.own.count(), 0);
  assert.equal(await chat.composer.getAttribute("aria-invalid"), "true");
});

it("names after @ are completed by keys alone", async (t) => {
  const other = await site.user("Mentionable Molly");
  await other.rest.send(room.id, "I am here");
  const chat = await writer(t);
  await chat.sees("I am here");
  await chat.composer.pressSequentially("hello @");
  const list = chat.page.getByRole("listbox", { name: "People" });
  const options = list.getByRole("option");
  await list.waitFor();
  assert.match(await options.first().innerText(), new RegExp(`Mentionable Molly\n@${other.username}$`));
  assert.equal(await chat.composer.getAttribute("aria-controls"), await list.getAttribute("id"));
  const active = () => chat.composer.getAttribute("aria-activedescendant");
  assert.equal(await active(), await options.first().getAttribute("id"));
  await chat.composer.press("ArrowDown");
  assert.equal(await active(), await options.nth(1).getAttribute("id"));
  await chat.composer.press("ArrowUp");

  await chat.composer.press("Escape");
  await list.waitFor({ state: "detached" });
  await chat.composer.pressSequentially(other.username.slice(0, 3));
  await chat.composer.press("Enter");
  assert.equal(await chat.composer.inputValue(), `hello @${other.username} `);
  await chat.composer.press("Enter");
  await chat.sees(`hello @${other.username}`);
  await chat.own.locator(".mention").waitFor();
});

it("users who are not in the room are found by their names", async (t) => {
  const far = await site.user("Zacharias Faraway");
  const chat = await writer(t);
  await chat.composer.pressSequentially(`@${far.username.slice(0, 5)}`);
  await chat.page.getByRole("option", { name: "Zacharias Faraway" }).click();
  assert.equal(await chat.composer.inputValue(), `@${far.username} `);
  assert.equal(await chat.composer.evaluate((field) => field.matches(":focus")), true);
});

it("emoji are loaded when they are wanted, completed after a colon, and chosen from a grid", async (t) => {
  const chat = await writer(t);
  /** @type {string[]} */
  const loaded = [];
  chat.page.on("request", (request) => loaded.push(request.url()));
  await chat.composer.pressSequentially("at 10:30 we go");
  assert.ok(!loaded.some((url) => url.includes("emoji")), loaded.join("\n"));
  await chat.composer.fill("");
  await chat.composer.pressSequentially("party :tad");
  await chat.page.getByRole("option", { name: ":tada:" }).waitFor();
  await chat.composer.press("Tab");
  assert.equal(await chat.composer.inputValue(), "party 🎉 ");
  assert.ok(loaded.some((url) => url.includes("emoji")), loaded.join("\n"));

  await chat.page.getByRole("button", { name: "Emoji" }).click();
  const picker = chat.page.getByRole("dialog", { name: "Choose an emoji" });
  const search = picker.getByRole("searchbox");
  await search.waitFor();
  assert.equal(await search.evaluate((field) => field.matches(":focus")), true);
  await chat.page.keyboard.press("ArrowDown");
  await chat.page.keyboard.press("ArrowRight");
  await chat.page.keyboard.press("ArrowDown");
  await chat.page.keyboard.press("ArrowUp");
  await chat.page.keyboard.press("Enter");
  assert.equal(await chat.composer.inputValue(), "party 🎉 😁");
  await picker.waitFor({ state: "detached" });

  await chat.page.getByRole("button", { name: "Emoji" }).click();
  await search.fill("rocket");
  await chat.page.keyboard.press("Enter");
  assert.equal(await chat.composer.inputValue(), "party 🎉 😁🚀");
  await chat.page.getByRole("button", { name: "Emoji" }).click();
  await search.waitFor();
  await chat.page.keyboard.press("Escape");
  await picker.waitFor({ state: "detached" });
  await chat.composer.waitFor();
});

it("the arrow up changes the last own message in its place", async (t) => {
  const chat = await writer(t);
  await chat.say("with a tpyo");
  await chat.sees("with a tpyo");
  await chat.composer.press("ArrowUp");
  const editor = chat.own.getByRole("textbox", { name: "Edit" });
  await editor.waitFor();
  assert.equal(await editor.inputValue(), "with a tpyo");
  assert.equal(await editor.evaluate((field) => field.matches(":focus")), true);
  await editor.press("Escape");
  await editor.waitFor({ state: "detached" });
  await chat.composer.press("ArrowUp");
  await editor.fill("with a typo");
  await editor.press("Enter");
  await chat.sees("with a typo");
  await chat.own.getByText("edited").waitFor();
});

it("what was not sent is there again when one comes back to a room", async (t) => {
  const other = await publicRoom(site, "Elsewhere");
  const user = await site.user("Dora Draft");
  for (const { id } of [room, other]) await user.rest.ok("POST", `/rooms/${id}/join`);
  const chat = await seat(t, browser, site, room, user, { data: { navigation: "full" } });
  await chat.composer.fill("not yet finished");
  await chat.page.getByText("Elsewhere").first().click();
  await chat.page.getByRole("log", { name: "Messages in Elsewhere" }).waitFor();
  assert.equal(await chat.composer.inputValue(), "");
  await chat.page.getByText("Writing").first().click();
  await chat.page.getByRole("log", { name: "Messages in Writing" }).waitFor();
  assert.equal(await chat.composer.inputValue(), "not yet finished");
});

it("a guest is asked for a name once, after the first message", async (t) => {
  const chat = await seat(t, browser, site, room, null);
  const name = chat.page.getByRole("textbox", { name: "Your name" });
  await chat.say("hello");
  await chat.sees("hello");
  await name.fill("Gustav");
  await chat.page.getByRole("button", { name: "That’s me" }).click();
  await name.waitFor({ state: "detached" });
  await chat.say("and again");
  await chat.sees("and again");
  await chat.log.getByText("Gustav").first().waitFor({ state: "attached" });
});
