// @ts-check
// A conversation that goes on although the network, or the server, does not.
import assert from "node:assert/strict";
import { it } from "node:test";
import { Proxy } from "../../../tests/clients/support/proxy.mjs";
import { launch, setHidden, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { hostPage, snippet } from "./support/sites.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server);

/** What a browser writes into the console by itself when a server cannot be reached. */
const UNREACHABLE = [/net::ERR_/, /WebSocket connection to .* failed/];

/**
 * A visitor whose way to the server can be cut, in a room with somebody at the other end.
 *
 * @param {import("node:test").TestContext} t
 */
async function conversation(t) {
  const room = await publicRoom(site, "Talk");
  const proxy = await Proxy.start(t, server.server);
  const origin = await hostPage({ html: snippet(proxy.url, { tenant: site.slug, room: room.slug }) });
  const context = await visitor(t, browser, { origins: [origin, proxy.url], errors: UNREACHABLE });
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(origin);
  const chat = new Chat(page);
  await chat.open();
  await chat.say("Before");
  await chat.sees("Before");
  const far = (/** @type {string} */ text) => room.owner.rest.send(room.id, text);
  return { chat, context, page, proxy, room, far };
}

/**
 * What the room's history has, whoever asks.
 *
 * @param {{id: string, owner: import("./support/server.mjs").Visitor}} room
 */
async function stored(room) {
  return (await room.owner.rest.messages(room.id)).map(({ content }) => content);
}

it("an offline minute: what was written meanwhile arrives once, in order", async (t) => {
  const { chat, context, page, proxy, room, far } = await conversation(t);
  await context.setOffline(true);
  proxy.block();
  await chat.say("First, from the tunnel");
  await chat.say("Second, from the tunnel");
  await far("From outside");
  await page.clock.fastForward("01:00");
  await chat.say("Third, from the tunnel");
  assert.equal(await chat.pending.count(), 3, "they are shown as waiting");
  proxy.unblock();
  await context.setOffline(false);

  const all = ["Before", "From outside", "First, from the tunnel", "Second, from the tunnel", "Third, from the tunnel"];
  await chat.endsWith(all);
  await chat.sees("Third, from the tunnel");
  assert.deepEqual(await stored(room), all);
  assert.deepEqual(await chat.shown(), all, "each is shown once");
});

it("the server is started anew in the middle of it", async (t) => {
  const { chat, room, far } = await conversation(t);
  await server.server.halt();
  await chat.say("Said to nobody");
  await chat.say("And again");
  await server.server.start();
  await chat.sees("And again");
  await far("Welcome back");
  const all = ["Before", "Said to nobody", "And again", "Welcome back"];
  await chat.endsWith(all);
  assert.deepEqual(await stored(room), all);
  assert.deepEqual(await chat.shown(), all);
});

it("cut off again and again while it writes, nothing is lost or doubled", async (t) => {
  const { chat, proxy, room } = await conversation(t);
  const all = ["Before"];
  for (let n = 1; n <= 12; n += 1) {
    await chat.say(`Line ${n}`);
    all.push(`Line ${n}`);
    // In the moment of sending: whether it got through, nobody can know.
    if (n % 3 === 0) proxy.cut();
  }
  await chat.endsWith(all);
  await chat.sees("Line 12");
  assert.deepEqual(await stored(room), all);
  assert.deepEqual(await chat.shown(), all);
});

it("cut off while hidden, it catches up when it is looked at", async (t) => {
  const { chat, page, proxy, far } = await conversation(t);
  await setHidden(page, true);
  proxy.block();
  await far("While you were away");
  await page.clock.fastForward("01:00");
  await far("And a second one");
  proxy.unblock();
  await setHidden(page, false);
  await chat.endsWith(["Before", "While you were away", "And a second one"]);
});
