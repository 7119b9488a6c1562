// @ts-check
// Files in messages: what the server found to be a picture is shown, everything else is to be saved, and nothing runs.
import assert from "node:assert/strict";
import { it } from "node:test";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { axe } from "./support/axe.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { shot } from "./support/shot.mjs";
import { hostPage, snippet } from "./support/sites.mjs";

const SCRIPT = "<html><script>alert(document.domain)</script></html>";

const server = await startServer();
const browser = await launch();
const site = await tenant(server, { upload_bytes_max: 200_000 });
const room = await publicRoom(site);
const origin = await hostPage({ html: snippet(server.url, { tenant: site.slug, room: room.slug }) });
const picture = await drawn();

/** A picture that a browser drew. */
async function drawn() {
  const page = await browser.newPage({ viewport: { width: 480, height: 270 } });
  await page.setContent("<body style='margin:0;background:linear-gradient(120deg,#f97,#57f);height:100vh'>");
  const bytes = await page.screenshot();
  await page.context().close();
  return bytes;
}

/**
 * @param {import("node:test").TestContext} t
 * @param {Parameters<typeof visitor>[2]} [options]
 */
async function open(t, options = {}) {
  const context = await visitor(t, browser, { origins: [origin, server.url], ...options });
  const page = await context.newPage();
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.open();
  await page.getByRole("button", { name: "Attach files" }).waitFor();
  // What takes the files is loaded behind the button.
  await page.locator(".composer-files").waitFor({ state: "attached" });
  return chat;
}

/**
 * @param {Chat} chat
 * @param {{name: string, mimeType: string, buffer: Buffer}[]} files
 */
async function choose(chat, files) {
  await chat.page.locator(".composer-files").setInputFiles(files);
}

/**
 * Waits until all files in the composer have arrived, so that they can be sent.
 *
 * @param {Chat} chat
 */
async function allArrived(chat) {
  await chat.page.locator(".editor-send:enabled").waitFor();
  await chips(chat).getByRole("progressbar").first().waitFor({ state: "detached" });
}

/**
 * Holds uploads back until the test lets them go.
 *
 * @param {Chat} chat
 * @returns {Promise<(count: number) => Promise<(() => void)[]>>} waits for so many, and gives what lets each of them go
 */
async function holdUploads(chat) {
  /** @type {(() => void)[]} */
  const held = [];
  await chat.page.route("**/uploads?*", (route) => void held.push(() => void route.continue()));
  return (count) => eventually(() => (held.length === count ? held : null), "the uploads");
}

/** @param {Chat} chat */
const chips = (chat) => chat.page.locator(".pending-file");

/**
 * Files in the clipboard, or held over the page, as a browser hands them over.
 *
 * @param {Chat} chat
 * @param {"paste" | "drop"} type
 * @param {string} name
 */
async function handOver(chat, type, name) {
  await chat.composer.evaluate(
    (field, { type, name, bytes }) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
      const how = { bubbles: true, composed: true, cancelable: true };
      const event =
        type === "paste" ? new ClipboardEvent(type, { ...how, clipboardData: transfer }) : new DragEvent(type, { ...how, dataTransfer: transfer });
      if (type === "drop") field.dispatchEvent(new DragEvent("dragover", { ...how, dataTransfer: transfer }));
      field.dispatchEvent(event);
    },
    { type, name, bytes: [...picture] },
  );
}

it("a picture is chosen, sent without a text, and shown to others", async (t) => {
  const [ann, ben] = [await open(t), await open(t)];
  await choose(ann, [{ name: "sunset.png", mimeType: "image/png", buffer: picture }]);
  await chips(ann).locator("img").waitFor();
  await allArrived(ann);
  await shot(ann.page, "attachments-composer");
  await axe(ann.page, { state: "a file in the composer" });
  await ann.composer.press("Enter");
  const shown = ben.sent.locator(".attachment-picture img");
  await shown.waitFor();
  assert.equal(await chips(ann).count(), 0);
  assert.equal(await shown.getAttribute("alt"), "sunset.png");
  const size = await shown.evaluate((image) => {
    if (!(image instanceof HTMLImageElement)) throw new Error("no image");
    return image.decode().then(() => [image.naturalWidth, image.naturalHeight, Math.round((image.width / image.height) * 10)]);
  });
  assert.deepEqual(size, [480, 270, 18]);
  assert.equal(await ben.sent.last().locator(".message-bubble").count(), 0, "there is no empty bubble");
  await shot(ben.page, "attachments-picture");
  await axe(ben.page, { state: "a picture in the log" });
});

it("what pretends to be a picture or a page is to be saved, and runs nothing", async (t) => {
  // A picture that is opened by itself may load nothing, not even the styles that the browser would give it.
  const [ann, ben] = [await open(t), await open(t, { errors: [/Applying inline style violates/] })];
  const files = [
    ["both.gif", "image/gif", `GIF89a/*${SCRIPT}*/=1`],
    ["drawing.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">${SCRIPT}</svg>`],
    ["page.html", "text/html", SCRIPT],
  ].map(([name = "", mimeType = "", text]) => ({ name, mimeType, buffer: Buffer.from(text ?? "") }));
  const trailing = { name: "trailing.png", mimeType: "image/png", buffer: Buffer.concat([picture, Buffer.from(SCRIPT)]) };
  await choose(ann, [...files, trailing]);
  await allArrived(ann);
  await ann.say("Have a look");
  await ben.sees("Have a look");
  const row = ben.sent.filter({ hasText: "Have a look" });
  assert.deepEqual(await row.locator(".attachment-file .attachment-name").allInnerTexts(), files.map(({ name }) => name));
  assert.equal(await row.locator(".attachment-picture img").count(), 1);
  await shot(ben.page, "attachments-files");

  // Whoever opens them gets a file, or a picture without anything behind it.
  for (const { name } of files) {
    const saved = ben.page.waitForEvent("download");
    await row.getByRole("link", { name }).click();
    assert.equal((await saved).suggestedFilename(), name);
  }
  const address = await row.locator(".attachment-picture").getAttribute("href");
  const answer = await ben.page.request.get(address ?? "");
  assert.equal(answer.headers()["content-type"], "image/png");
  assert.ok(!(await answer.body()).includes("<script>"));
  const page = await ben.page.context().newPage();
  await page.goto(address ?? "");
  assert.equal(await page.locator("script").count(), 0);
});

it("progress is shown, and what is on its way can be taken back", async (t) => {
  const ann = await open(t);
  const uploads = await holdUploads(ann);
  await choose(ann, [
    { name: "one.txt", mimeType: "text/plain", buffer: Buffer.from("one") },
    { name: "two.txt", mimeType: "text/plain", buffer: Buffer.from("two") },
  ]);
  await ann.page.getByRole("progressbar").nth(1).waitFor();
  const held = await uploads(2);
  await ann.page.getByRole("button", { name: "Cancel one.txt" }).click();
  assert.equal(await chips(ann).count(), 1);
  for (const go of held) go();
  await allArrived(ann);
  await ann.say("Only one");
  await ann.sees("Only one");
  const row = ann.sent.filter({ hasText: "Only one" });
  assert.deepEqual(await row.locator(".attachment-name").allInnerTexts(), ["two.txt"]);
});

it("who sends before the files have arrived has sent: the message goes with the last of them", async (t) => {
  // Colours are looked at as they are in the end, not on the way there.
  const [ann, ben] = [await open(t, { reducedMotion: "reduce" }), await open(t)];
  const uploads = await holdUploads(ann);
  await choose(ann, ["one.txt", "two.txt"].map((name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(name) })));
  const held = await uploads(2);
  await ann.say("Not before");
  const note = ann.page.getByText("Sent as soon as the files have arrived.");
  await note.waitFor();
  await axe(ann.page, { state: "a message that waits for its files" });
  assert.ok(await ann.page.getByRole("button", { name: "Send" }).isDisabled(), "once is enough");
  // Who goes on writing has not sent after all.
  await ann.composer.press("End");
  await ann.composer.press("!");
  await note.waitFor({ state: "detached" });
  await ann.composer.press("Enter");
  await note.waitFor();
  held[0]?.();
  await ann.page.getByRole("button", { name: /^Remove / }).waitFor();
  assert.equal(await ann.own.filter({ hasText: "Not before!" }).count(), 0);
  held[1]?.();
  await ben.sees("Not before!");
  const row = ben.sent.filter({ hasText: "Not before!" });
  assert.deepEqual(await row.locator(".attachment-name").allInnerTexts(), ["one.txt", "two.txt"]);
  assert.equal(await ann.composer.inputValue(), "");
});

it("files are pasted and dropped; what is too large, empty or too many is told", async (t) => {
  const ann = await open(t);
  await handOver(ann, "paste", "pasted.png");
  await handOver(ann, "drop", "dropped.png");
  await chips(ann).locator("img").nth(1).waitFor();
  assert.deepEqual(await chips(ann).locator(".attachment-name").allInnerTexts(), ["pasted.png", "dropped.png"]);
  const file = (/** @type {string} */ name, /** @type {number} */ bytes) => ({ name, mimeType: "", buffer: Buffer.alloc(bytes) });
  await choose(ann, [file("large.bin", 200_001), file("empty.bin", 0), file("fifth.bin", 5)]);
  await ann.page.getByText("A message can have 4 files at most.").waitFor();
  await ann.page.getByText("large.bin is too large. Files may have up to 200 kB.").waitFor();
  await ann.page.getByText("empty.bin is empty.").waitFor();
  assert.ok(await ann.page.getByRole("button", { name: "Send" }).isDisabled());
  await shot(ann.page, "attachments-refused");
  for (const name of ["large.bin", "empty.bin"]) await ann.page.getByRole("button", { name: `Remove ${name}` }).click();
  await allArrived(ann);
  await ann.say("Both");
  await ann.sees("Both");
});

it("where no files can be sent, none are asked for", async (t) => {
  const plain = await tenant(server);
  const other = await publicRoom(plain);
  const page = await hostPage({ html: snippet(server.url, { tenant: plain.slug, room: other.slug }) });
  const context = await visitor(t, browser, { origins: [page, server.url] });
  const chat = new Chat(await context.newPage());
  await chat.page.goto(page);
  await chat.open();
  assert.equal(await chat.page.getByRole("button", { name: "Attach files" }).count(), 0);
});
