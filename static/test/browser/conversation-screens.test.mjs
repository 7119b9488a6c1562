// @ts-check
// Every state of a conversation, in every look: axe finds nothing wrong with it, and there is a picture of it to look at.
import { it } from "node:test";
import { launch } from "./support/browser.mjs";
import { LOOKS } from "./support/looks.mjs";
import { screens } from "./support/screens.mjs";
import { seat } from "./support/seat.mjs";
import { startServer } from "./support/server.mjs";
import { texts } from "./support/texts.mjs";
import { world } from "./support/world.mjs";

const server = await startServer();
const browser = await launch();
const { site, people, rooms } = await world(server);
await people.ada.rest.send(rooms.studio.id, "We need:\n```\n4 screws, 6 mm\n1 spirit level\n```\nWho has a **drill**?");
await people.ben.rest.send(rooms.studio.id, "I do");
await people.ben.rest.send(rooms.studio.id, "It is in the cellar, too");

for (const [look, options] of Object.entries(LOOKS)) {
  it(`the conversation, ${look}`, async (t) => {
    const locale = "locale" in options ? options.locale : "en";
    const say = texts(locale);
    const chat = await seat(t, browser, site, rooms.studio, people.ben, { ...options, data: { locale } });
    const { page } = chat;
    const screen = screens(t, page, "conversation", look);
    const button = (/** @type {string} */ key) => page.getByRole("button", { name: say(key), exact: true });
    const closed = (/** @type {string} */ selector) => page.locator(selector).waitFor({ state: "detached" });

    await chat.sees("in the cellar, too");
    await screen("end");
    await chat.log.press("ArrowUp");
    await button("message.more").waitFor();
    await screen("tools");
    await button("message.more").press("Enter");
    await page.getByRole("menu").waitFor();
    await screen("menu");
    await page.keyboard.press("Escape");
    await closed(".menu");
    await button("message.react").press("Enter");
    await page.locator(".emoji-quick").waitFor();
    await screen("react");
    await page.keyboard.press("Escape");
    await closed(".emoji-quick");
    await button("message.reply").press("Enter");
    await page.locator(".composer-reply").waitFor();
    await chat.composer.fill("x".repeat(1990));
    await page.locator(".editor-count").waitFor();
    await screen("reply");
    await chat.composer.fill("@");
    await chat.composer.press("End");
    await chat.composer.pressSequentially("c");
    await page.getByRole("listbox").waitFor();
    await screen("completion");
    await chat.composer.fill("");
    await button("composer.cancel_reply").click();
    await button("composer.emoji").click();
    await page.locator(".emoji-grid").first().waitFor();
    await screen("emoji");
    await page.keyboard.press("Escape");
    await closed(".emoji-picker");
    await chat.composer.press("ArrowUp");
    await chat.own.getByRole("textbox").waitFor();
    await screen("edit");
    await page.keyboard.press("Escape");
    await page.locator("button.people-count").click();
    await page.locator(".people").waitFor();
    await screen("people");
    await page.keyboard.press("Escape");
    await chat.scrollTo(0);
    await page.locator(".message-list-pill").waitFor();
    await screen("beginning");
  });
}
