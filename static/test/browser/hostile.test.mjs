// @ts-check
// What people can write anywhere is text, and nothing but text. The page has no policy that would help.
import assert from "node:assert/strict";
import { it } from "node:test";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { startServer, tenant } from "./support/server.mjs";
import { hostPage, snippet, website } from "./support/sites.mjs";

/** Each would run `alert`, which the visitor's browser reports, or make an element, which is looked for. */
const CORPUS = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "\"'><svg onload=alert(1)><x-foreign>",
  "<x-foreign onclick=alert(1)>text</x-foreign>",
  "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
  "<style>*{display:none!important}</style>",
  "</textarea><x-foreign></x-foreign>",
  "</title></style></script><script>alert(1)</script>",
  "<base href=https://evil.example/><form action=https://evil.example/><button>ok</button></form>",
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  "<parlour-chat tenant=evil></parlour-chat>",
  "javascript:alert(1)",
  "[click](javascript:alert(1))",
  "![x](https://evil.example/x.png)",
  "<a href=\"javascript:alert(1)\">x</a>",
  "https://evil.example/\"onmouseover=\"alert(1)",
  "https://evil.example/<x-foreign>",
  "JaVaScRiPt://%0aalert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:msgbox(1)",
  "*<x-foreign>* `<x-foreign>` _<x-foreign>_",
  "{{constructor.constructor('alert(1)')()}} ${alert(1)} #{alert(1)}",
  "{\"type\":\"x-foreign\",\"props\":{\"dangerouslySetInnerHTML\":{\"__html\":\"<img src=x onerror=alert(1)>\"}}}",
  "&lt;x-foreign&gt; &#60;x-foreign&#62; \\u003cx-foreign\\u003e",
  "__proto__ constructor toString",
  "\u202Egnp.exe\u2066",
];

/** As long as names may be, and without what the server takes in no name: characters that change the direction. */
const NAMES = CORPUS.map((text) => text.replace(/[\u202e\u2066]/g, "").slice(0, 80));

/** Where the pictures of people are, as their website says. */
const PICTURES = "https://pictures.example";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/**
 * Elements and addresses that none of our views makes, in the document and in all shadow roots.
 *
 * @param {import("playwright-core").Page} page
 */
function foreign(page) {
  return page.evaluate(() => {
    /** @type {string[]} */
    const found = [];
    const look = (/** @type {ParentNode} */ root) => {
      // A page's own head is its owner's.
      for (const element of root.querySelectorAll(":not(link)")) {
        const tag = element.localName;
        if (["x-foreign", "iframe", "object", "embed", "base", "mtext", "mglyph"].includes(tag)) found.push(tag);
        if (tag === "parlour-chat" && element.getAttribute("tenant") === "evil") found.push(tag);
        if (tag === "script" && !/\/(chat|static\/[\w-]+)\.js$/.test(element.getAttribute("src") ?? "")) found.push(tag);
        if (tag === "style") found.push(tag);
        if (tag === "img" && !element.getAttribute("src")?.startsWith("https://pictures.example/")) found.push(tag);
        for (const { name, value } of element.attributes) {
          if (name.startsWith("on")) found.push(`${tag} ${name}`);
          if (/^(href|src|action|formaction|xlink:href)$/.test(name) && /^\s*(javascript|data|vbscript):/i.test(value)) {
            found.push(`${tag} ${name}=${value}`);
          }
        }
        if (element.shadowRoot) look(element.shadowRoot);
      }
    };
    look(document);
    return found;
  });
}

/**
 * @param {import("node:test").TestContext} t
 * @param {string} origin
 */
async function open(t, origin) {
  const context = await visitor(t, browser, {
    origins: [origin, server.url, PICTURES],
    // There is no such server.
    errors: [/pictures\.example/],
    viewport: { width: 1280, height: 900 },
  });
  const page = await context.newPage();
  await page.goto(origin);
  return new Chat(page);
}

/** @param {string} room */
function pageWith(room) {
  return hostPage({ html: snippet(server.url, { tenant: site.slug, room }) });
}

it("messages, quotes, mentions and links", async (t) => {
  const owner = await site.user("Olga");
  const { id, slug } = await owner.rest.room({ name: "Messages" });
  for (const text of CORPUS) {
    const { id: quoted } = await owner.rest.send(id, text);
    await owner.rest.ok("POST", `/rooms/${id}/messages`, { content: `@${owner.username} ${text}`, reply_to: quoted });
  }
  const chat = await open(t, await pageWith(slug));
  await chat.open();
  await chat.sees(CORPUS.at(-1)?.slice(1, 8) ?? "");
  assert.deepEqual(await foreign(chat.page), []);
  const shown = (await chat.shown()).join("\n");
  assert.match(shown, /<script>alert\(1\)<\/script>/, "what was written is shown as it was written");

  for (const text of CORPUS) await chat.say(text);
  await chat.say("Done");
  await chat.sees("Done");
  assert.deepEqual(await foreign(chat.page), []);
});

it("names of people, in messages, presence, typing and completion", async (t) => {
  const owner = await site.user("Olga");
  const { id, slug } = await owner.rest.room({ name: "Names" });
  for (const name of NAMES) {
    const user = await site.user("somebody", { name, avatar_url: `${PICTURES}/a.png` });
    await user.rest.send(id, "Hello");
  }
  const chat = await open(t, await pageWith(slug));
  await chat.open();
  await chat.sees("Hello");
  assert.match(await chat.log.innerText(), /<img src=x onerror=alert\(1\)>/);
  await chat.composer.fill("@so");
  await chat.composer.press("m");
  assert.deepEqual(await foreign(chat.page), []);
});

it("names and descriptions of rooms", async (t) => {
  const owner = await site.user("Olga");
  for (const text of NAMES) {
    await owner.rest.ok("POST", "/rooms", { name: text, description: text });
  }
  const { id, slug } = await owner.rest.room({ name: NAMES[1] ?? "" });
  await owner.rest.ok("PATCH", `/rooms/${id}`, { description: CORPUS[2] });
  const { origin } = await website({
    pages: { "/": { html: snippet(server.url, { tenant: site.slug, room: slug, navigation: "full" }) } },
  });
  const chat = await open(t, origin);
  await chat.open();
  await chat.page.getByText("<img src=x onerror=alert(1)>").filter({ visible: true }).first().waitFor();
  assert.deepEqual(await foreign(chat.page), []);
});

it("the title of a page with a room of its own", async (t) => {
  const { origin, pages } = await website({ pages: {} });
  await site.admin("PATCH", "", { settings: { allowed_origins: [origin, server.url] } });
  t.after(() => site.admin("PATCH", "", { settings: { allowed_origins: null } }));
  pages["/"] = {
    html: snippet(server.url, { tenant: site.slug, room: "page" }),
    title: "&lt;img src=x onerror=alert(1)&gt;",
    head: '<link rel="canonical" href="javascript:alert(1)">',
  };
  const chat = await open(t, origin);
  await chat.open();
  await chat.say("<x-foreign>");
  await chat.sees("<x-foreign>");
  assert.deepEqual(await foreign(chat.page), []);
});

it("addresses of the app", async (t) => {
  // There is no such tenant.
  const context = await visitor(t, browser, { origins: [server.url], errors: [/404.*\/api\/v1\/tenant/] });
  const page = await context.newPage();
  const hostile = encodeURIComponent("\"><x-foreign onclick=alert(1)>");
  await page.goto(`${server.url}/?tenant=${hostile}&room=${hostile}`);
  await page.getByRole("heading").first().waitFor();
  assert.deepEqual(await foreign(page), []);
});

it("messages in the app", async (t) => {
  const owner = await site.user("Olga");
  const { id, slug } = await owner.rest.room({ name: NAMES[2] ?? "" });
  for (const text of CORPUS) await owner.rest.send(id, text);
  const context = await visitor(t, browser, { origins: [server.url] });
  const page = await context.newPage();
  await page.goto(`${server.url}/?tenant=${site.slug}&room=${slug}`);
  const chat = new Chat(page);
  const account = await site.account("ann");
  await signIn(page, account);
  await chat.sees("vbscript:msgbox(1)");
  assert.deepEqual(await foreign(page), []);
});

/**
 * @param {import("playwright-core").Page} page
 * @param {{username: string, password: string}} account
 */
async function signIn(page, { username, password }) {
  await page.locator(".session-way", { hasText: "Sign in" }).click();
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.locator("form [type=submit]").click();
}
