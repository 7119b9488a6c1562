// @ts-check
// A room with ten thousand messages, read from its end to far back.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { writeHistory } from "./support/history.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { hostPage, snippet } from "./support/sites.mjs";

const MESSAGES = 10_000;
const HEAP_BYTES_MAX = 60e6;
const ROWS_MAX = 500;
/** How many times the reader's place is measured on the way back. */
const MEASURED = 8;
/** Over how many frames scrolling is measured. */
const FRAMES = 120;

const server = await startServer({ "limits.requests_per_address": "off" });
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site, "A long story");
const start = Date.now() - MESSAGES * 60_000;
const history = Array.from({ length: MESSAGES }, (_, index) => ({
  content: `Message ${index + 1}${" and some more words, of this and that".repeat(index % 7)}`,
  at: new Date(start + index * 60_000),
}));
await writeHistory(server.server, room, room.owner, history);

it("stays small, keeps its place, and scrolls evenly", async (t) => {
  const origin = await hostPage({ html: snippet(server.url, { tenant: site.slug, room: room.slug }) });
  const context = await visitor(t, browser, { origins: [origin, server.url] });
  const page = await context.newPage();
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.open();
  await chat.sees(`Message ${MESSAGES}`);
  const cdp = await context.newCDPSession(page);

  // The reader's place: the first row in view, and how far below the list's edge it is.
  const place = () =>
    chat.log.evaluate((log) => {
      const edge = log.getBoundingClientRect().top;
      const rows = [...log.querySelectorAll(".message")];
      const row = rows.find((element) => element.getBoundingClientRect().bottom > edge + 1);
      return {
        text: row?.querySelector(".message-bubble")?.textContent ?? "",
        offset: (row?.getBoundingClientRect().top ?? 0) - edge,
      };
    });
  const offsetOf = (/** @type {string} */ text) =>
    chat.log.evaluate((log, text) => {
      const found = [...log.querySelectorAll(".message")].find(
        (row) => row.querySelector(".message-bubble")?.textContent === text,
      );
      return found ? found.getBoundingClientRect().top - log.getBoundingClientRect().top : null;
    }, text);
  const oldest = async () => Number(/^Message (\d+)/.exec((await chat.texts.first().textContent()) ?? "")?.[1]);

  for (let turn = 0; turn < MEASURED; turn += 1) {
    const before = await oldest();
    // Near the top, so that older ones are asked for, with a row to hold on to.
    const held = await chat.log.evaluate((log) => {
      log.scrollTop = 30;
      return log.scrollTop;
    });
    assert.ok(held <= 31);
    const { text } = await place();
    const offset = await offsetOf(text);
    await eventually(async () => (await oldest()) < before, `messages older than ${before}`);
    const now = await offsetOf(text);
    assert.ok(now !== null && offset !== null && Math.abs(now - offset) <= 1, `"${text.slice(0, 20)}" moved from ${offset} to ${now}`);
    const rows = await chat.log.locator("li").count();
    assert.ok(rows <= ROWS_MAX, `${rows} rows are in the document`);
  }

  const rows = await readBack(chat);
  assert.equal(await chat.texts.first().textContent(), history[0]?.content);
  assert.ok(rows <= ROWS_MAX, `${rows} rows were in the document`);
  await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = await cdp.send("Runtime.getHeapUsage");
  t.diagnostic(`heap with all ${MESSAGES} messages: ${(usedSize / 1e6).toFixed(1)} MB; at most ${rows} rows`);
  assert.ok(usedSize < HEAP_BYTES_MAX, `${usedSize} bytes of heap`);

  // The page's own time, in which nothing else that the machine does is counted.
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const busyMs = async () => {
    const { metrics } = await cdp.send("Performance.getMetrics");
    return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? NaN);
  };
  const before = await busyMs();
  await scroll(chat);
  const frameMs = ((await busyMs()) - before) / FRAMES;
  t.diagnostic(`a frame while scrolling: ${frameMs.toFixed(1)} ms of the page's time`);
  assert.ok(frameMs < 1000 / 60, `${frameMs} ms: not 60 frames a second`);
});

/**
 * Scrolls back until the very first message is there.
 *
 * @param {Chat} chat
 * @returns {Promise<number>} how many rows were in the document at most
 */
function readBack(chat) {
  return chat.log.evaluate(async (log) => {
    const first = () => log.querySelector(".message .message-bubble")?.textContent ?? "";
    let rows = 0;
    let quiet = 0;
    for (let last = ""; quiet < 300; ) {
      log.scrollTop = 0;
      await new Promise(requestAnimationFrame);
      rows = Math.max(rows, log.querySelectorAll("li").length);
      quiet = first() === last ? quiet + 1 : 0;
      last = first();
      if (/^Message 1( |$)/.test(last)) break;
    }
    return rows;
  });
}

/**
 * Scrolls through what is drawn, a little in each frame.
 *
 * @param {Chat} chat
 */
function scroll(chat) {
  return chat.log.evaluate(async (log, frames) => {
    for (let frame = 0; frame < frames; frame += 1) {
      log.scrollTop += 24;
      await new Promise(requestAnimationFrame);
    }
  }, FRAMES);
}
