// @ts-check
// The ways a site can put the widget into its pages, and how it can make it its own.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { connect } from "node:net";
import { it } from "node:test";
import { Proxy } from "../../../tests/clients/support/proxy.mjs";
import { eventually } from "../../../tests/clients/support/wait.mjs";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { snippet, website } from "./support/sites.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site);
const data = { tenant: site.slug, room: room.slug };

const { origin, pages } = await website({
  pages: {
    "/": { html: snippet(server.url, data) },
    "/head": { head: snippet(server.url, data).replace("async ", "") },
    "/inline": {
      head: `<style>#here { --chat-accent: rgb(200, 30, 90); } parlour-chat::part(composer) { border-top: 3px solid rgb(1, 2, 3); }
        parlour-chat::part(header) { background: rgb(4, 5, 6); } parlour-chat::part(bubble) { border-radius: 7px; } * { color: red; font-size: 40px; display: block; }</style>`,
      html: `<div id="here"></div>${snippet(server.url, { ...data, mode: "inline", target: "#here" })}`,
    },
    "/in-place": { html: `<section id="place">${snippet(server.url, { ...data, mode: "inline" })}</section>` },
    "/article": { title: "An article", html: snippet(server.url, { tenant: site.slug, room: "page" }) },
    "/canonical": {
      head: `<link rel="canonical" href="/article">`,
      html: snippet(server.url, { tenant: site.slug, room: "page", open: "" }),
    },
  },
});

/**
 * @param {import("node:test").TestContext} t
 * @param {string} path
 * @param {Parameters<typeof visitor>[2]} [how]
 */
async function visit(t, path, how = {}) {
  const context = await visitor(t, browser, { origins: [origin, server.url], ...how });
  const page = await context.newPage();
  await page.goto(origin + path);
  return { page, chat: new Chat(page) };
}

it("in the head of a page, before there is a body", async (t) => {
  const { chat } = await visit(t, "/head");
  await chat.open();
});

it("from a server that is installed below a path", async (t) => {
  const proxy = createServer((incoming, outgoing) => {
    const path = incoming.url?.replace(/^\/deep\/chat\//, "/");
    if (path === incoming.url) {
      outgoing.writeHead(404).end();
      return;
    }
    const headers = { ...incoming.headers, host: new URL(server.url).host };
    const onward = ask(`${server.url}${path}`, { method: incoming.method ?? "GET", headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  proxy.on("upgrade", (incoming, socket) => {
    const onward = connect(Number(new URL(server.url).port), "127.0.0.1");
    const lines = incoming.rawHeaders.reduce((text, part, index) => text + part + (index % 2 ? "\r\n" : ": "), "");
    onward.write(`GET ${incoming.url?.replace(/^\/deep\/chat\//, "/")} HTTP/1.1\r\n${lines}\r\n`);
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on("error", () => socket.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  const base = `http://127.0.0.1:${port}/deep/chat`;
  pages["/below"] = { html: snippet(base, data) };
  const { chat } = await visit(t, "/below", { origins: [origin, base] });
  // After the visitor has left.
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  await chat.open();
  await chat.say("From below a path");
  await chat.sees("From below a path");
});

it("pinned by its hash", async (t) => {
  const values = /** @type {Record<string, string>} */ (await (await fetch(`${server.url}/static/integrity.json`)).json());
  const pinned = Object.entries(values).find(([file]) => /^static\/chat-/.test(file));
  assert.ok(pinned);
  const [file, integrity] = pinned;
  const tag = (/** @type {string} */ value) =>
    `<script async src="${server.url}/${file}" integrity="${value}" crossorigin="anonymous" data-tenant="${site.slug}" data-room="${room.slug}"></script>`;
  pages["/pinned"] = { html: tag(integrity) };
  await (await visit(t, "/pinned")).chat.open();
  pages["/tampered"] = { html: tag(integrity.replace(/.{4}$/, "AAAA")) };
  const { page } = await visit(t, "/tampered", { errors: [/integrity/] });
  await page.waitForLoadState("networkidle");
  assert.equal(await page.evaluate(() => customElements.get("parlour-chat")), undefined);
});

it("its own properties and parts are a site's to style, the rest is not", async (t) => {
  const { page, chat } = await visit(t, "/inline");
  await chat.composer.waitFor();
  await chat.say("Look at me");
  await chat.sees("Look at me");
  const style = (/** @type {string} */ selector, /** @type {string} */ property) =>
    page.locator(`parlour-chat ${selector}`).first().evaluate((element, property) => getComputedStyle(element).getPropertyValue(property), property);
  assert.equal(await style(".composer", "border-top-color"), "rgb(1, 2, 3)");
  assert.equal(await style("[part~=header]", "background-color"), "rgb(4, 5, 6)");
  assert.equal(await style("[part~=bubble]", "border-radius"), "7px");
  assert.equal(await style("[part~=bubble]", "font-size"), "15px");
  assert.notEqual(await style("[part~=bubble]", "color"), "rgb(255, 0, 0)");
  assert.match(await style("[part~=panel]:not([hidden])", "--c-accent"), /200, 30, 90/);
});

it("nothing that a page says of all its elements moves, fades or mirrors the chat", async (t) => {
  pages["/rude"] = {
    head: `<style>
      body { transform: translateY(300px); filter: blur(0); }
      html > *, body > *, parlour-chat { opacity: 0.3; transform: rotate(20deg) scale(0.5); direction: rtl; position: relative; top: 90px;
        visibility: hidden; pointer-events: none; width: 10px; display: flex; text-transform: uppercase; letter-spacing: 9px; }
    </style>`,
    html: snippet(server.url, data),
  };
  const { page, chat } = await visit(t, "/rude", { reducedMotion: "reduce" });
  assert.deepEqual(await chat.launcher.boundingBox(), { x: 1204, y: 724, width: 56, height: 56 });
  await chat.open();
  const box = await page.getByRole("dialog").first().boundingBox();
  assert.deepEqual(box, { x: 860, y: 68, width: 400, height: 640 });
  const style = await page.locator("parlour-chat .composer").evaluate((element) => {
    const { visibility, direction, textTransform, letterSpacing, pointerEvents } = getComputedStyle(element);
    return { visibility, direction, textTransform, letterSpacing, pointerEvents };
  });
  assert.deepEqual(style, { visibility: "visible", direction: "ltr", textTransform: "none", letterSpacing: "normal", pointerEvents: "auto" });
});

it("two tags that ask for the same make one chat", async (t) => {
  pages["/twice"] = { head: snippet(server.url, data), html: snippet(server.url, data) + snippet(server.url, { ...data, theme: "dark" }) };
  const { page, chat } = await visit(t, "/twice");
  await chat.open();
  await page.waitForLoadState("networkidle");
  assert.equal(await page.locator("parlour-chat").count(), 1);
});

it("opened in a tunnel it says so, and is there when the tunnel ends, without loading the page again", async (t) => {
  const line = await Proxy.start(t, server.server);
  pages["/tunnel"] = { html: snippet(line.url, data) };
  const context = await visitor(t, browser, { origins: [origin, line.url], errors: [/ERR_|WebSocket/] });
  const page = await context.newPage();
  const chat = new Chat(page);
  // The chunk that the loader asks for gets lost on the first attempt, too.
  await page.route(/static\/widget-/, (route) => route.abort(), { times: 1 });
  await page.goto(`${origin}/tunnel`);
  await chat.launcher.waitFor();
  line.block();
  await chat.launcher.click();
  await page.getByText("The chat could not be loaded").waitFor();
  line.unblock();
  await chat.composer.waitFor();
  await chat.say("Out of the tunnel");
  await chat.sees("Out of the tunnel");
  assert.equal(await page.getByText("The chat could not be loaded").count(), 0);
});

it("what is loaded after the conversation and gets lost is asked for again", async (t) => {
  const { page, chat } = await visit(t, "/", { errors: [/ERR_FAILED/] });
  let lost = 0;
  await page.route(/static\/toolbox-/, (route) => {
    lost += 1;
    return lost === 1 ? route.abort() : route.continue();
  });
  await chat.open();
  await chat.say("Read, written, and pointed at");
  await chat.sees("Read, written, and pointed at");
  const row = chat.own.last();
  await row.locator(".message-bubble").hover();
  await row.getByRole("toolbar").waitFor();
  assert.ok(lost > 1);
});

it("inline without a target it stands where its script stands", async (t) => {
  const { page, chat } = await visit(t, "/in-place");
  await chat.composer.waitFor();
  assert.equal(await page.locator("#place > parlour-chat").count(), 1);
});

it("attributes may change while it is open, and all that was done stays", async (t) => {
  const { page, chat } = await visit(t, "/");
  await chat.open();
  for (let count = 0; count < 25; count += 1) await room.owner.rest.send(room.id, `line ${count}\nand another`);
  await chat.sees("line 24");
  await chat.composer.fill("not sent yet");
  await chat.scrollTo(200);
  const set = (/** @type {string} */ name, /** @type {string} */ value) =>
    page.locator("parlour-chat").evaluate((element, [name, value]) => element.setAttribute(name ?? "", value ?? ""), [name, value]);
  for (const [name, value] of [["theme", "dark"], ["position", "bottom-left"], ["heading", "Help"], ["locale", "de"], ["mode", "panel"], ["mode", "inline"], ["mode", "bubble"], ["locale", "ar"], ["theme", "light"]]) {
    await set(name ?? "", value ?? "");
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.equal(await chat.composer.inputValue(), "not sent yet", `${name}=${value}`);
    const scrolled = await chat.log.evaluate((log) => log.scrollTop);
    assert.ok(Math.abs(scrolled - 200) < 120, `${name}=${value}: scrolled to ${scrolled}`);
  }
  await page.locator('.content[dir="rtl"]').waitFor();
  assert.equal(await page.getByRole("dialog").first().isVisible(), true);
  await set("theme", "dark");
  await eventually(async () => (await page.locator(".content").evaluate((element) => getComputedStyle(element).colorScheme)) === "dark", "the dark look");
  // Another room is another conversation, in the same session.
  const other = await publicRoom(site, "Elsewhere");
  await other.owner.rest.send(other.id, "A word from elsewhere");
  await set("room", other.slug);
  await chat.sees("A word from elsewhere");
});

it("a room for each page, by its canonical address, from the first message on", async (t) => {
  const first = await visit(t, "/article?utm=letter", { errors: [/404/] });
  await first.chat.open();
  await first.chat.say("The first word about this article");
  await first.chat.sees("The first word about this article");
  const second = await visit(t, "/canonical?page=2#end");
  await second.chat.sees("The first word about this article");
  await second.chat.say("And an answer");
  await first.chat.sees("And an answer");
  // A page that changes its address without being loaded has another room.
  await first.page.evaluate(() => history.pushState(null, "", "/another"));
  await eventually(async () => (await first.chat.texts.count()) === 0, "the other page's empty conversation");
});

it("the loader is small, and the widget's chunk is what it names", async () => {
  const loader = readFileSync(new URL("../../dist/chat.js", import.meta.url), "utf8");
  assert.match(loader, /static\/widget-[\w-]+\.js/);
});

it("pinned with all that it loads, by an import map", async (t) => {
  const values = /** @type {Record<string, string>} */ (await (await fetch(`${server.url}/static/integrity.json`)).json());
  const map = (/** @type {Record<string, string>} */ integrity) =>
    `<script type="importmap">${JSON.stringify({
      integrity: Object.fromEntries(Object.entries(integrity).map(([file, value]) => [`${server.url}/${file}`, value])),
    })}</script>`;
  pages["/mapped"] = { head: map(values), html: snippet(server.url, data) };
  await (await visit(t, "/mapped")).chat.open();
  const panel = Object.keys(values).find((file) => /^static\/panel-/.test(file)) ?? "";
  pages["/mapped-wrong"] = { head: map({ ...values, [panel]: values["chat.js"] ?? "" }), html: snippet(server.url, data) };
  const { page, chat } = await visit(t, "/mapped-wrong", { errors: [/integrity/i] });
  await chat.launcher.click();
  await page.getByText("The chat could not be loaded").waitFor();
});
