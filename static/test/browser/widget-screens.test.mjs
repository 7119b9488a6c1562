// @ts-check
// Every state of the widget, in every look: axe finds nothing wrong with it, and there is a picture of it to look at.
import { it } from "node:test";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { LOOKS } from "./support/looks.mjs";
import { screens } from "./support/screens.mjs";
import { startServer, tenant } from "./support/server.mjs";
import { snippet, website } from "./support/sites.mjs";
import { texts } from "./support/texts.mjs";
import { world } from "./support/world.mjs";

const server = await startServer();
const browser = await launch();
const { site, rooms } = await world(server);
const members = await tenant(server, { guests: false });

const WORDS = `<p>A page of somebody's, with words of its own on it.</p>`.repeat(6);
const HEAD = `<style>body { margin: 0 auto; max-width: 640px; padding: 24px; font: 17px/1.6 Georgia, serif;
  color: light-dark(#222, #ddd); background: light-dark(#fff, #181818); } :root { color-scheme: light dark; }
  #here { height: 480px; }</style>`;

/**
 * The pages of a site, in English or in Arabic.
 *
 * @param {Pick<import("./support/sites.mjs").Place, "lang" | "dir">} language
 * @returns {Record<string, import("./support/sites.mjs").Place>}
 */
function pages(language) {
  const common = { tenant: site.slug, room: rooms.studio.slug };
  const place = (/** @type {Record<string, string>} */ data, html = WORDS) => {
    return { ...language, head: HEAD, html: `${html}${snippet(server.url, data)}` };
  };
  return {
    "/bubble": place(common),
    "/rooms": place({ tenant: site.slug, open: "true" }),
    "/panel": place({ ...common, mode: "panel", open: "true" }),
    "/inline": place({ ...common, mode: "inline", target: "#here" }, `<div id="here"></div>`),
    "/page": place({ ...common, mode: "page" }, ""),
    "/members": place({ tenant: members.slug, open: "true" }),
    "/consent": place({ ...common, consent: "click", open: "true" }),
    "/nothing": place({ tenant: site.slug, room: "page" }),
  };
}

const english = await website({ pages: pages({ lang: "en" }) });
const arabic = await website({ pages: pages({ lang: "ar", dir: "rtl" }) });

for (const [look, options] of Object.entries(LOOKS)) {
  it(`the widget, ${look}`, async (t) => {
    const { origin } = look === "arabic" ? arabic : english;
    const context = await visitor(t, browser, { origins: [origin, server.url], ...options });
    const page = await context.newPage();
    const say = texts("locale" in options ? options.locale : "en");
    const chat = new Chat(page);
    const screen = screens(t, page, "widget", look);

    await page.goto(`${origin}/bubble`);
    await chat.launcher.waitFor();
    await screen("closed");
    await chat.open();
    await chat.sees("👍");
    await screen("conversation");
    await page.locator(".message-thread").first().click();
    await page.getByText("Are the colours fast?").waitFor();
    await screen("thread");

    for (const mode of ["panel", "inline", "page"]) {
      await page.goto(`${origin}/${mode}`);
      await chat.sees("👍");
      await screen(mode);
    }
    await page.goto(`${origin}/rooms`);
    await page.locator(".rooms-discover").waitFor();
    await screen("rooms");
    await page.locator(".rooms-discover").click();
    await page.locator(".discover-room").first().waitFor();
    await screen("discover");
    await page.goto(`${origin}/members`);
    await page.getByLabel(say("session.username")).waitFor();
    await screen("sign-in");
    await page.goto(`${origin}/consent`);
    await page.getByRole("button", { name: say("launcher.start") }).waitFor();
    await screen("consent");
    await page.goto(`${origin}/nothing`);
    await chat.open();
    await screen("empty");
  });
}
