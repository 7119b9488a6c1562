// @ts-check
// What cannot be done is said in words, where one would do it.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { axe } from "./support/axe.mjs";
import { launch } from "./support/browser.mjs";
import { seat } from "./support/seat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/**
 * Somebody in a room, and who owns it.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} name of the room
 */
async function member(t, name) {
  const room = await publicRoom(site, name);
  await room.owner.rest.send(room.id, "Welcome");
  const user = await site.user("Mona Member");
  await user.rest.ok("POST", `/rooms/${room.id}/join`);
  const chat = await seat(t, browser, site, room, user);
  await chat.sees("Welcome");
  return { room, user, chat };
}

it("a frozen room cannot be written in until it thaws", async (t) => {
  const { room, chat } = await member(t, "Frozen");
  await chat.composer.fill("half a thought");
  await room.owner.rest.ok("PATCH", `/rooms/${room.id}`, { frozen: true });
  await chat.page.getByText("Only moderators can write here at the moment.").waitFor();
  assert.equal(await chat.composer.count(), 0);
  await axe(chat.page, { state: "frozen" });
  await room.owner.rest.ok("PATCH", `/rooms/${room.id}`, { frozen: false });
  await chat.composer.waitFor();
  assert.equal(await chat.composer.inputValue(), "half a thought");
});

it("who may only read is told so", async (t) => {
  const { room, user, chat } = await member(t, "Reading");
  await room.owner.rest.ok("PATCH", `/rooms/${room.id}/members/${user.id}`, { role: "reader" });
  await chat.page.getByText("You can read here, but not write.").waitFor();
});

it("who is muted learns until when, and the message is not lost", async (t) => {
  const { room, user, chat } = await member(t, "Muted");
  const until = new Date(Date.now() + 3_600_000).toISOString();
  await room.owner.rest.ok("PUT", `/rooms/${room.id}/members/${user.id}/mute`, { until });
  await chat.say("Can anybody hear me?");
  await chat.page.getByText(/^A moderator has muted you until/).waitFor();
  const failed = chat.log.locator(".message-failed");
  await failed.getByText("Can anybody hear me?").waitFor();
  await axe(chat.page, { state: "muted" });
  await room.owner.rest.ok("DELETE", `/rooms/${room.id}/members/${user.id}/mute`);
  await failed.getByRole("button", { name: "Try again" }).click();
  await chat.sees("Can anybody hear me?");
  await chat.composer.waitFor();
});

it("a message that was refused can be discarded", async (t) => {
  const { room, user, chat } = await member(t, "Discarded");
  await room.owner.rest.ok("PUT", `/rooms/${room.id}/members/${user.id}/mute`, {});
  await chat.say("Never mind");
  await chat.log.locator(".message-failed").getByRole("button", { name: "Discard" }).click();
  await chat.log.getByText("Never mind").waitFor({ state: "detached" });
});

it("slow mode counts down, and does not send before", async (t) => {
  const { room, chat } = await member(t, "Slow");
  const slowMode = (/** @type {number} */ seconds) => room.owner.rest.ok("PATCH", `/rooms/${room.id}`, { slow_mode_s: seconds });
  await slowMode(60);
  await chat.say("first");
  await chat.sees("first");
  const note = chat.page.getByText(/^Slow mode: you can write again in \d+ seconds?\.$/);
  const said = await note.innerText();
  await chat.composer.fill("second");
  await chat.composer.press("Enter");
  assert.equal(await chat.own.count(), 1);
  assert.equal(await chat.composer.inputValue(), "second");
  await eventually(async () => (await note.innerText()) !== said, "the seconds to run down");
  // What is over by now.
  await slowMode(1);
  await note.waitFor({ state: "detached" });
  await chat.composer.press("Enter");
  await chat.sees("second");
});

it("who writes too fast is told when it goes on, and everything arrives once, in order", async (t) => {
  const limited = await tenant(server);
  await limited.limit({ messages_per_user: "3/9s" });
  const room = await publicRoom(limited, "Fast");
  const chat = await seat(t, browser, limited, room, await limited.user("Flora Fast"));
  const texts = ["one", "two", "three", "four", "five"];
  for (const text of texts) await chat.say(text);
  await chat.page.getByText(/^That was fast\. Your messages go on in \d+ seconds?\.$/).waitFor();
  await chat.sees("five");
  assert.deepEqual(await chat.shown(), texts);
});

it("who is removed from a room is told that it is closed", async (t) => {
  const owner = await site.user("Olga Owner");
  const { id, slug } = await owner.rest.room({ name: "Private", kind: "private" });
  const user = await site.user("Ralf Removed");
  await owner.rest.ok("POST", `/rooms/${id}/members`, { user_id: user.id });
  const chat = await seat(t, browser, site, { slug }, user);
  await chat.composer.waitFor();
  await owner.rest.ok("DELETE", `/rooms/${id}/members/${user.id}`);
  await chat.composer.waitFor({ state: "detached" });
});

it("a change that comes too late stays in its field, with words about it", async (t) => {
  const late = await tenant(server, { edit_window_s: 1 });
  const room = await publicRoom(late, "Late");
  const chat = await seat(t, browser, late, room, await late.user("Lena Late"));
  await chat.say("As it was");
  await chat.sees("As it was");
  await chat.composer.press("ArrowUp");
  const editor = chat.own.getByRole("textbox", { name: "Edit" });
  await editor.fill("As it should be");
  // The second that the tenant allows has to pass.
  await chat.page.waitForTimeout(1200);
  await editor.press("Enter");
  await chat.page.getByText("It is too late to change this message.").first().waitFor();
  assert.equal(await editor.inputValue(), "As it should be");
});
