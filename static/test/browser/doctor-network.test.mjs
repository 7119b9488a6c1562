// @ts-check
// The embed doctor behind proxies that are set up badly.
import assert from "node:assert/strict";
import { it } from "node:test";
import { Proxy } from "../../../tests/clients/support/proxy.mjs";
import { launch, REFUSED, visitor } from "./support/browser.mjs";
import { examine } from "./support/doctor.mjs";
import { reverseProxy } from "./support/reverse-proxy.mjs";
import { startServer, tenant } from "./support/server.mjs";

const chat = await startServer({ "socket.longpoll_window": "1s" });
const browser = await launch();
const site = await tenant(chat);
const entered = { tenant: site.slug };

/**
 * @param {import("node:test").TestContext} t
 * @param {string} url
 */
async function look(t, url) {
  const context = await visitor(t, browser, { origins: [url], errors: REFUSED });
  return examine(await context.newPage(), url, entered);
}

it("a proxy that drops Upgrade", async (t) => {
  const found = await look(t, (await reverseProxy(chat)).url);
  found.hasFaults({ socket: [/not as a WebSocket/, /proxy_set_header Upgrade \$http_upgrade/, /reverse_proxy/, /log under/] });
  assert.deepEqual(found.in("good").filter((check) => check.startsWith("poll")), ["poll", "pollPrompt", "pollHeld"]);
});

it("a proxy that refuses upgrades", async (t) => {
  const found = await look(t, (await Proxy.start(t, chat.server, "refuse")).url);
  found.hasFaults({ socket: [/not as a WebSocket|in its place/, /proxy_set_header Upgrade/] });
});

it("a proxy that never answers upgrades", async (t) => {
  const found = await look(t, (await Proxy.start(t, chat.server, "stall")).url);
  found.hasFaults({ socket: [/did not open within 10 sec/, /proxy_set_header Upgrade/] });
});

it("a proxy that lets sockets open and nothing through", async (t) => {
  const found = await look(t, (await Proxy.start(t, chat.server, "mute")).url);
  found.hasFaults({ heartbeat: [/nothing gets through/] });
  assert.equal(found.states.socket, "good");
});

it("a proxy that holds answers back", async (t) => {
  const found = await look(t, (await reverseProxy(chat, { holdMs: 1300 })).url);
  assert.equal(found.states.pollPrompt, "warning");
  found.says("pollPrompt", /holds answers back/, /proxy_buffering off/, /flush_interval -1/);
});

it("a proxy that cuts off what takes long", async (t) => {
  const found = await look(t, (await reverseProxy(chat, { patienceMs: 700 })).url);
  assert.equal(found.states.pollHeld, "broken");
  found.says("pollHeld", /cut off after [\d.]+ sec/, /proxy_read_timeout 75s/);
});

it("a cache in front of the API", async (t) => {
  const found = await look(t, (await reverseProxy(chat, { caches: true })).url);
  assert.equal(found.states.headers, "broken");
  found.says("headers", /caches the API/, /\/api\//);
});

it("a proxy that takes headers away", async (t) => {
  const url = (await reverseProxy(chat, { strips: ["x-request-id", "cross-origin-resource-policy"] })).url;
  const found = await look(t, url);
  assert.equal(found.states.headers, "warning");
  assert.equal(found.states.script, "broken");
  found.says("script", /cross-origin-resource-policy: cross-origin/);
});

it("a server that is gone", async (t) => {
  const proxy = await Proxy.start(t, chat.server);
  const context = await visitor(t, browser, { errors: [/./] });
  const page = await context.newPage();
  await page.goto(`${proxy.url}/embed/doctor`);
  await page.getByRole("button", { name: "Examine" }).waitFor();
  proxy.block();
  await page.getByRole("button", { name: "Examine" }).click();
  await page.locator('.doctor-verdict[data-phase="done"]').waitFor();
  assert.equal(await page.locator('[data-check="server"]').getAttribute("data-state"), "broken");
  assert.match((await page.locator('[data-check="server"]').textContent()) ?? "", /Nobody answers/);
});
