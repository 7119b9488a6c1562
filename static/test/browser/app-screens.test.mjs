// @ts-check
// Every screen of the app, in every look: axe finds nothing wrong with it, and there is a picture of it to look at.
import { it } from "node:test";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { LOOKS } from "./support/looks.mjs";
import { screens } from "./support/screens.mjs";
import { startServer } from "./support/server.mjs";
import { texts } from "./support/texts.mjs";
import { world } from "./support/world.mjs";

const server = await startServer();
const browser = await launch();
const { site, account, rooms } = await world(server);

for (const [look, options] of Object.entries(LOOKS)) {
  it(`the app, ${look}`, async (t) => {
    // A wrong password is tried.
    const errors = [/401.*\/auth\/login/];
    const context = await visitor(t, browser, { origins: [server.url], errors, ...options });
    const page = await context.newPage();
    const say = texts("locale" in options ? options.locale : "en");
    const chat = new Chat(page);
    const screen = screens(t, page, "app", look);
    const button = (/** @type {string} */ key) => page.getByRole("button", { name: say(key), exact: true }).first();
    const away = () => page.keyboard.press("Escape");

    await page.goto(`${server.url}/?tenant=${site.slug}`);
    await button("session.signIn").click();
    await screen("landing");
    await page.getByLabel(say("session.username")).fill(account.username);
    await page.getByLabel(say("session.password"), { exact: true }).fill("not the password");
    await page.locator("form [type=submit]").click();
    await page.getByText(say("session.wrongPassword")).first().waitFor();
    await screen("wrong-password");
    await page.getByLabel(say("session.password"), { exact: true }).fill(account.password);
    await page.locator("form [type=submit]").click();
    await page.locator(".rooms-list").waitFor();
    await page.getByText("Design").first().waitFor();
    await screen("rooms");

    await button("rooms.start").click();
    await screen("start-menu");
    await page.getByRole("menuitem", { name: say("rooms.newRoom") }).click();
    await screen("new-room");
    await away();
    await button("rooms.start").click();
    await page.getByRole("menuitem", { name: say("rooms.newMessage") }).click();
    await page.getByText("Ada Lindqvist").first().waitFor();
    await screen("new-message");
    await away();

    await page.locator(".rooms-list .room-row", { hasText: rooms.studio.name }).click();
    await chat.sees("👍");
    await screen("conversation");
    await page.locator(".message-thread").first().click();
    await page.getByText("Are the colours fast?").waitFor();
    await screen("thread");
  });
}
