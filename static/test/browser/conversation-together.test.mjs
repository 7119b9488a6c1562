// @ts-check
// Two people, and two tabs of one of them, in a room: what one does is what the others see.
import assert from "node:assert/strict";
import { it } from "node:test";
import { axe } from "./support/axe.mjs";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { launch } from "./support/browser.mjs";
import { seat } from "./support/seat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/**
 * Ann and Ben in a room of their own.
 *
 * @param {import("node:test").TestContext} t
 */
async function pair(t) {
  const room = await publicRoom(site, "Together");
  const [ann, ben] = await Promise.all([site.user("Ann Arbor"), site.user("Ben Beech")]);
  for (const user of [ann, ben]) await user.rest.ok("POST", `/rooms/${room.id}/join`);
  const [annChat, benChat] = await Promise.all([ann, ben].map((user) => seat(t, browser, site, room, user)));
  assert.ok(annChat && benChat);
  return { room, ann, ben, annChat, benChat };
}

/**
 * Opens a message's tools, and presses one.
 *
 * @param {import("./support/chat.mjs").Chat} chat
 * @param {string} text of the message
 * @param {string} name of the button
 */
async function tool(chat, text, name) {
  const row = chat.rows.filter({ hasText: text }).last();
  await row.locator(".message-bubble").hover();
  await row.getByRole("toolbar").getByRole("button", { name, exact: true }).click();
  return row;
}

/**
 * Chooses from a message's menu.
 *
 * @param {import("./support/chat.mjs").Chat} chat
 * @param {string} text of the message
 * @param {string} name of the entry
 */
async function choose(chat, text, name) {
  await tool(chat, text, "More");
  await chat.page.getByRole("menuitem", { name }).click();
}

it("messages, reactions, changes and deletions are the same for both", async (t) => {
  const { annChat, benChat } = await pair(t);
  await annChat.say("Shall we go?");
  await benChat.sees("Shall we go?");
  await tool(benChat, "Shall we go?", "React");
  await benChat.page.getByRole("button", { name: "👍" }).click();
  const reaction = annChat.log.getByRole("button", { name: "👍 1" });
  await reaction.waitFor();
  assert.equal(await reaction.getAttribute("aria-pressed"), "false");
  assert.equal(await reaction.getAttribute("title"), "Ben Beech");
  await reaction.click();
  await benChat.log.getByRole("button", { name: "👍 2" }).waitFor();
  await benChat.log.getByRole("button", { name: "👍 2" }).click();
  await annChat.log.getByRole("button", { name: "👍 1" }).waitFor();

  await choose(annChat, "Shall we go?", "Edit");
  const editor = annChat.own.getByRole("textbox", { name: "Edit" });
  await editor.fill("Shall we go *now*?");
  await editor.press("Enter");
  await benChat.sees("Shall we go now?");
  assert.equal(await benChat.log.locator("em").innerText(), "now");

  await choose(annChat, "Shall we go now?", "Delete");
  await annChat.page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await benChat.log.getByText("Message deleted").waitFor();
  assert.equal(await benChat.rows.count(), await annChat.rows.count());
  assert.equal(await benChat.log.locator(".reaction").count(), 0);
});

it("an answer quotes what it answers, and the quote leads there", async (t) => {
  const { annChat, benChat } = await pair(t);
  await annChat.say("Where do we meet?");
  await benChat.sees("Where do we meet?");
  await tool(benChat, "Where do we meet?", "Reply");
  await benChat.page.getByText("Reply to Ann Arbor").waitFor();
  assert.equal(await benChat.composer.evaluate((field) => field.matches(":focus")), true);
  await benChat.say("At the station");
  await benChat.page.getByText("Reply to Ann Arbor").waitFor({ state: "detached" });
  await annChat.sees("At the station");
  const quote = annChat.rows.filter({ hasText: "At the station" }).locator(".message-quote");
  assert.equal(await quote.innerText(), "Ann Arbor\nWhere do we meet?");
  await quote.click();
  await eventually(() => annChat.own.first().evaluate((row) => row.matches(":focus")), "the focus on what is quoted");
});

it("replies in a thread are counted under its root, and in the room only if that is wanted", async (t) => {
  const { annChat, benChat } = await pair(t);
  await annChat.say("Plans for Saturday");
  await benChat.sees("Plans for Saturday");
  await tool(benChat, "Plans for Saturday", "Reply in thread");
  const thread = benChat.page.locator(".thread");
  await thread.locator("textarea").fill("A hike");
  await thread.locator("textarea").press("Enter");
  await thread.locator(".message-own", { hasText: "A hike" }).waitFor();
  await axe(benChat.page, { state: "thread" });
  const summary = annChat.log.getByRole("button", { name: "1 reply" });
  await summary.waitFor();
  assert.equal(await annChat.rows.filter({ hasText: "A hike" }).count(), 0);

  await thread.getByRole("checkbox", { name: /also/i }).check();
  await thread.locator("textarea").fill("Or a swim");
  await thread.locator("textarea").press("Enter");
  await annChat.sees("Or a swim");
  await annChat.log.getByRole("button", { name: "2 replies" }).click();
  const annThread = annChat.page.locator(".thread");
  await annThread.getByText("A hike").waitFor();
  await annThread.getByRole("button", { name: "Close" }).click();
  await annThread.waitFor({ state: "detached" });
});

it("who types is told, who is there, and who has read", async (t) => {
  const { room, annChat, benChat } = await pair(t);
  await benChat.composer.pressSequentially("hm");
  await annChat.page.getByText("Ben Beech is typing…").waitFor();
  await benChat.composer.fill("");
  await annChat.page.getByText("Ben Beech is typing…").waitFor({ state: "detached" });

  await annChat.page.getByRole("button", { name: "2 people here" }).click();
  const people = annChat.page.getByRole("dialog", { name: "People here" });
  await people.getByText("Ben Beech").waitFor();
  await axe(annChat.page, { state: "people" });
  await annChat.page.keyboard.press("Escape");
  await people.waitFor({ state: "detached" });

  await annChat.say("Read this");
  await benChat.sees("Read this");
  await annChat.own.getByText("Seen by Ben Beech").waitFor();
  await room.owner.rest.send(room.id, "An answer");
  await annChat.sees("An answer");
  await annChat.own.getByText("Seen by Ben Beech").waitFor({ state: "detached" });
});

it("two tabs of one user are one conversation", async (t) => {
  const { room, ann, annChat } = await pair(t);
  const other = await seat(t, browser, site, room, ann);
  await annChat.say("From the first tab");
  await other.sees("From the first tab");
  assert.equal(await other.own.count(), 1);
  await other.say("From the second");
  await annChat.sees("From the second");
  assert.deepEqual((await annChat.shown()).slice(-2), (await other.shown()).slice(-2));
  await choose(other, "From the first tab", "Delete");
  await other.page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await annChat.own.getByText("Message deleted").waitFor();
});

it("a message that mentions one stands out", async (t) => {
  const { ann, annChat, benChat } = await pair(t);
  await benChat.say(`@${ann.username} look at https://example.org/(a)_b.`);
  const row = annChat.rows.filter({ hasText: "look at" });
  await row.locator(".mention-me").waitFor();
  assert.match((await row.getAttribute("class")) ?? "", /message-to-me/);
  const link = row.getByRole("link");
  assert.equal(await link.getAttribute("href"), "https://example.org/(a)_b");
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer nofollow ugc");
  assert.equal(await link.getAttribute("target"), "_blank");
});
