// @ts-check
// The list of messages: what is said of it, where it stands, and what keys do in it.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { axe } from "./support/axe.mjs";
import { DEVICES, launch } from "./support/browser.mjs";
import { writeHistory } from "./support/history.mjs";
import { seat } from "./support/seat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";

const MESSAGES = 180;

const server = await startServer({ "limits.requests_per_address": "off" });
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site, "History");
const start = Date.now() - MESSAGES * 60_000;
await writeHistory(
  server.server,
  room,
  room.owner,
  Array.from({ length: MESSAGES }, (_, index) => ({ content: `Line ${index + 1}`, at: new Date(start + index * 60_000) })),
);

/**
 * @param {import("node:test").TestContext} t
 * @param {Parameters<typeof seat>[5]} [how]
 */
async function reader(t, how) {
  const user = await site.user("Rita Reader");
  return seat(t, browser, site, room, user, how);
}

/** @param {import("./support/chat.mjs").Chat} chat */
function place({ log }) {
  return log.evaluate((element) => ({
    fromEnd: Math.round(element.scrollHeight - element.scrollTop - element.clientHeight),
    top: element.scrollTop,
    live: element.ariaLive,
    rows: element.querySelectorAll("li").length,
  }));
}

/**
 * @param {import("./support/chat.mjs").Chat} chat
 * @param {number} pixels
 */
async function scrollUp({ log }, pixels) {
  await log.evaluate(
    (element, pixels) =>
      new Promise((done) => {
        element.addEventListener("scroll", () => requestAnimationFrame(() => requestAnimationFrame(done)), { once: true });
        element.scrollTop -= pixels;
      }),
    pixels,
  );
}

it("is a log with a list in it, which says what is new, and nothing of what is older", async (t) => {
  const chat = await reader(t);
  await chat.sees(`Line ${MESSAGES}`);
  assert.equal(await chat.log.getAttribute("aria-label"), "Messages in History");
  assert.equal(await chat.log.getAttribute("tabindex"), "0");
  assert.equal(await chat.log.locator("> ol > li").count(), (await place(chat)).rows);
  await eventually(async () => (await place(chat)).live === "polite", "the live region");
  await axe(chat.page, { state: "conversation" });

  // What the region was like at each moment that rows came in.
  await chat.log.evaluate((log) => {
    /** @type {{live: string | null, texts: string[]}[]} */
    const additions = [];
    new MutationObserver((changes) => {
      const rows = changes.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node instanceof Element && node.matches(".message"));
      if (rows.length > 0) additions.push({ live: log.ariaLive, texts: rows.map((row) => row.textContent ?? "") });
    }).observe(log, { childList: true, subtree: true });
    Object.assign(window, { additions });
  });
  const before = (await place(chat)).rows;
  await chat.scrollTo(100);
  await eventually(async () => (await place(chat)).rows >= before + 50, "an earlier page");
  await eventually(async () => (await place(chat)).live === "polite", "the live region, again");
  await room.owner.rest.send(room.id, "Something new");
  await chat.sees("Something new");
  const additions = await chat.page.evaluate(() => /** @type {any} */ (window).additions);
  for (const { live, texts } of additions) {
    const isNews = texts.some((/** @type {string} */ text) => text.includes("Something new"));
    assert.equal(live, isNews ? "polite" : "off", texts.join("\n").slice(0, 200));
  }
  assert.ok(additions.length >= 2);
});

it("follows its end while that is less than 40 pixels away, and says what one misses", async (t) => {
  const chat = await reader(t);
  await chat.sees(`Line ${MESSAGES}`);
  await eventually(async () => (await place(chat)).fromEnd === 0, "the end");
  const say = async (/** @type {string} */ text) => {
    await room.owner.rest.send(room.id, text);
    await chat.sees(text);
  };
  await scrollUp(chat, 36);
  await say("Near");
  assert.equal((await place(chat)).fromEnd, 0);

  await chat.scrollTo((await place(chat)).top - 300);
  const held = chat.rows.filter({ hasText: "Near" });
  const before = await held.boundingBox();
  await say("Far one");
  await say("Far two");
  const after = await held.boundingBox();
  assert.ok(before && after && Math.abs(before.y - after.y) <= 1, `${before?.y} → ${after?.y}`);
  const pill = chat.page.getByRole("button", { name: "2 new messages" });
  await pill.click();
  await eventually(async () => (await place(chat)).fromEnd === 0, "the end, by the pill");
  await pill.waitFor({ state: "detached" });

  // With the pointer over the messages, as when the pill was pressed, others are pointed at on the way.
  await chat.page.mouse.wheel(0, -300);
  await eventually(async () => (await place(chat)).fromEnd > 40, "away from the end, by the wheel");
  await chat.say("My own");
  await chat.sees("My own");
  await eventually(async () => (await place(chat)).fromEnd === 0, "the end, by a message of one's own");
});

it("stays at its end when the field grows, and when the window gets smaller", async (t) => {
  const chat = await reader(t);
  await eventually(async () => (await place(chat)).fromEnd === 0, "the end");
  await chat.composer.fill("one\ntwo\nthree\nfour");
  await eventually(async () => (await place(chat)).fromEnd === 0, "the end, above a higher field");
  await chat.page.setViewportSize({ width: 700, height: 500 });
  await eventually(async () => (await place(chat)).fromEnd === 0, "the end, in a smaller window");
});

it("opens at the first unread message, under a line", async (t) => {
  const user = await site.user("Uma Unread");
  await user.rest.ok("POST", `/rooms/${room.id}/join`);
  for (let n = 1; n <= 30; n += 1) await room.owner.rest.send(room.id, `Missed ${n}`);
  const chat = await seat(t, browser, site, room, user);
  await chat.log.getByText("New messages").waitFor();
  const [line, first] = await chat.log.evaluate((log) => {
    const line = log.querySelector(".unread-line");
    return [line?.getBoundingClientRect(), line?.nextElementSibling?.querySelector(".message-bubble")?.textContent];
  });
  assert.equal(first, "Missed 1");
  const view = await chat.log.boundingBox();
  assert.ok(view && line && line.top >= view.y && line.bottom <= view.y + view.height / 2, "the line is in view");
  await chat.page.getByRole("button", { name: "30 new messages" }).click();
  await chat.page.getByRole("button", { name: /new message/ }).waitFor({ state: "detached" });
});

it("goes to a quoted message, wherever it is", async (t) => {
  const { data: page } = await room.owner.rest.ok("GET", `/rooms/${room.id}/messages?limit=100`);
  const { data: older } = await room.owner.rest.ok("GET", `/rooms/${room.id}/messages?limit=100&before_id=${page[0].id}`);
  const old = older.find((/** @type {{content: string}} */ { content }) => content === "Line 30");
  await room.owner.rest.ok("POST", `/rooms/${room.id}/messages`, { content: "About that", reply_to: old.id });
  const chat = await reader(t);
  await chat.sees("About that");
  await chat.log.getByRole("button", { name: "Line 30" }).click();
  const found = chat.rows.filter({ hasText: /Line 30/ }).filter({ hasNotText: "About that" });
  await found.waitFor();
  await eventually(() => found.evaluate((row) => row.matches(":focus")), "the focus on it");
  const [at, view] = [await found.boundingBox(), await chat.log.boundingBox()];
  assert.ok(at && view && at.y > view.y && at.y + at.height < view.y + view.height, JSON.stringify({ at, view }));
  await chat.page.getByRole("button", { name: "To the latest messages" }).click();
  await eventually(async () => (await place(chat)).fromEnd === 0, "back at the end");
});

it("is gone through with arrows, and each message has its tools at the keyboard", async (t) => {
  const chat = await reader(t);
  await chat.say("Mine to change");
  await chat.sees("Mine to change");
  await chat.log.focus();
  await chat.page.keyboard.press("ArrowUp");
  await chat.page.keyboard.press("ArrowUp");
  await chat.page.keyboard.press("ArrowDown");
  const row = chat.own.last();
  assert.equal(await row.evaluate((element) => element.matches(":focus")), true);
  const toolbar = row.getByRole("toolbar");
  await toolbar.waitFor();
  await axe(chat.page, { state: "a message's tools" });
  await toolbar.getByRole("button", { name: "More" }).press("Enter");
  const menu = chat.page.getByRole("menu");
  await menu.waitFor();
  const focused = () => chat.page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot) element = element.shadowRoot.activeElement;
    return element?.textContent;
  });
  assert.equal(await focused(), "Mark as unread");
  await axe(chat.page, { state: "a message's menu" });
  await chat.page.keyboard.press("End");
  assert.equal(await focused(), "Delete");
  await chat.page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "Mark as unread");
  await chat.page.keyboard.press("e");
  assert.equal(await focused(), "Edit");
  await chat.page.keyboard.press("Escape");
  await menu.waitFor({ state: "detached" });
  assert.equal(await toolbar.getByRole("button", { name: "More" }).evaluate((element) => element.matches(":focus")), true);

  await chat.page.keyboard.press("Enter");
  await chat.page.keyboard.press("d");
  await chat.page.keyboard.press("Enter");
  const dialog = chat.page.getByRole("alertdialog", { name: "Delete message?" });
  await dialog.waitFor();
  await axe(chat.page, { state: "a question" });
  assert.equal(await focused(), "Cancel");
  await chat.page.keyboard.press("Tab");
  assert.equal(await focused(), "Delete");
  await chat.page.keyboard.press("Enter");
  await chat.own.getByText("Message deleted").waitFor();
});

it("has its tools under a finger that rests, large enough for it", async (t) => {
  const chat = await reader(t, DEVICES.phone);
  await chat.say("Press me");
  await chat.sees("Press me");
  const bubble = chat.own.last().locator(".message-bubble");
  await bubble.dispatchEvent("pointerdown", { pointerType: "touch", isPrimary: true });
  const buttons = chat.own.last().getByRole("toolbar").getByRole("button");
  await buttons.first().waitFor();
  await bubble.dispatchEvent("pointerup", { pointerType: "touch", isPrimary: true });
  for (const button of await buttons.all()) {
    const box = await button.boundingBox();
    assert.ok(box && box.width >= 44 && box.height >= 44, `${await button.getAttribute("aria-label")}: ${JSON.stringify(box)}`);
  }
});
