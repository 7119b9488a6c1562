// @ts-check
// What ends a right ends the sockets that were opened with it: at once, whatever carries them, and for good.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import * as longpoll from "../../support/longpoll.mjs";
import { DEADLINE_MS, eventually } from "../../support/wait.mjs";
import { handshake, openWire } from "../../support/wire.mjs";
import { target } from "./support/target.mjs";

/** How long sockets may outlive their right. */
const GRACE_MS = 2000;

const server = await target({ "socket.longpoll_window": "1s" });
after(() => server.close());

/** @typedef {import("../../support/wire.mjs").Holder} Holder */
/** @typedef {import("./support/target.mjs").Site} Site */
/** @typedef {import("./support/target.mjs").Visitor} Visitor */
/** @typedef {import("./support/target.mjs").Account} Account */

/** @typedef {{site: Site, user: Visitor | Account}} Case */

/**
 * A way to lose one's right.
 *
 * @typedef {object} Cause
 * @property {string} name
 * @property {number} code that WebSockets are closed with
 * @property {(who: Case) => Promise<any>} end
 * @property {boolean} [account] it is about somebody with a password
 * @property {boolean} [signed] the sockets were opened with the site's own token, without an exchange
 * @property {"key" | "tenant"} [shared] what else ends with it: the sessions of the same key, or the whole tenant
 */

/** @type {Cause[]} */
const CAUSES = [
  { name: "signing out", code: 1001, end: ({ user }) => user.rest.ok("DELETE", "/auth/logout") },
  {
    name: "a new password",
    code: 4401,
    account: true,
    end: async ({ user }) => {
      const { password } = /** @type {Account} */ (user);
      const change = { current_password: password, new_password: `${password}, newer` };
      const { data } = await user.rest.ok("PUT", "/auth/password", change);
      assert.equal((await server.rest({ token: data.token }).request("GET", "/auth/me")).status, 200);
    },
  },
  { name: "a suspended user", code: 4401, end: ({ site, user }) => site.admin("PUT", `/users/${user.id}/suspension`) },
  {
    name: "a suspended user, with the site's own token",
    code: 4401,
    signed: true,
    end: ({ site, user }) => site.admin("PUT", `/users/${user.id}/suspension`),
  },
  { name: "revoked sessions", code: 4401, end: ({ site, user }) => site.admin("DELETE", `/users/${user.id}/tokens`) },
  { name: "a deleted user", code: 4401, end: ({ site, user }) => site.admin("DELETE", `/users/${user.id}`) },
  { name: "a revoked key", code: 4401, shared: "key", end: ({ site }) => site.admin("DELETE", `/keys/${site.key.kid}`) },
  {
    name: "a revoked key, with the site's own token",
    code: 4401,
    signed: true,
    shared: "key",
    end: ({ site }) => site.admin("DELETE", `/keys/${site.key.kid}`),
  },
  { name: "a suspended tenant", code: 4401, shared: "tenant", end: ({ site }) => site.admin("PUT", "/suspension") },
  { name: "a deleted tenant", code: 4401, shared: "tenant", end: ({ site }) => site.delete() },
];

/**
 * A long-poll session that is polled without a pause; its end is known by a poll that is told so.
 *
 * @param {Holder} user
 * @param {string} topic
 */
async function listen(user, topic) {
  const session = await longpoll.Session.open(user);
  await session.join(topic);
  /** @type {string[]} */
  const heard = [];
  const ended = (async () => {
    for (;;) {
      const { status, messages = [] } = await session.poll();
      heard.push(...messages);
      if (status !== 200 && status !== 204) return { status, at: performance.now() };
    }
  })();
  return { session, heard, ended };
}

describe("revocation", { concurrency: 4 }, () => {
  for (const { name, code, end, ...how } of CAUSES) {
    it(`${name} ends every socket`, async (t) => {
      const site = await server.site();
      const speaker = await site.user("speaker");
      const room = await speaker.rest.room();
      const user = how.account ? await site.account("ann") : await site.user("ann");
      const token = how.signed ? /** @type {Visitor} */ (user).signed : user.token;
      const holder = { token, server };
      const topic = `room:${room.id}`;
      const wires = await Promise.all([openWire(t, holder), openWire(t, holder)]);
      for (const wire of wires) await wire.join(topic);
      const poll = await listen(holder, topic);
      const bystander = await site.user("bystander");
      const spared = await openWire(t, bystander);
      await spared.join(topic);
      await speaker.rest.send(room.id, "before");
      for (const wire of wires) await wire.next(([, , , event]) => event === "new_message");

      const started = performance.now();
      await end({ site, user });
      const answered = performance.now();
      for (const wire of wires) {
        assert.equal(await wire.closeCode(), code);
        assert.ok(performance.now() - answered < GRACE_MS, "WebSockets are closed in time");
      }
      const { status, at } = await poll.ended;
      assert.ok([403, 410].includes(status), String(status));
      assert.ok(at - started < GRACE_MS + 1000, "long-poll sessions end in time");

      if (how.shared !== "tenant") {
        const alive = how.shared === "key" ? await newSpeaker(site) : speaker;
        await alive.rest.send(room.id, "after");
      }
      await Promise.all(wires.map((wire) => wire.gone));
      const told = wires.flatMap((wire) => wire.messages.seen()).map((message) => JSON.stringify(message));
      for (const frame of [...told, ...poll.heard]) assert.ok(!frame.includes("after"), frame);

      // Refused everywhere from now on.
      const rest = server.rest({ token });
      for (const path of ["/auth/me", "/rooms", `/rooms/${room.id}/messages`]) {
        assert.deepEqual((await rest.request("GET", path)).text, '{"error":"unauthorized"}', path);
      }
      assert.equal((await handshake(server, { query: `token=${token}&vsn=2.0.0` })).status, 403);
      const subprotocol = `base64url.bearer.phx.${Buffer.from(token).toString("base64url")}`;
      const headers = { "sec-websocket-protocol": `phoenix, ${subprotocol}` };
      assert.equal((await handshake(server, { query: "vsn=2.0.0", headers })).status, 403);
      assert.deepEqual(await longpoll.request(server, `token=${token}&vsn=2.0.0`), { status: 403 });
      const late = JSON.stringify(["9", "9", topic, "phx_join", {}]);
      assert.notEqual((await poll.session.post(late)).status, 200);
      if (how.signed) {
        assert.equal((await server.rest().request("POST", "/auth/exchange", { token })).status, 401);
      }
      if (!how.shared) {
        await spared.ping();
        assert.equal((await bystander.rest.request("GET", "/auth/me")).status, 200);
      }
    });
  }

  it("a ban ends the user's channels of the room, on all devices", async (t) => {
    const site = await server.site();
    const [owner, user] = [await site.user("owner"), await site.user("ann")];
    const room = await owner.rest.room();
    const topic = `room:${room.id}`;
    const wires = await Promise.all([openWire(t, user), openWire(t, user)]);
    for (const wire of wires) await wire.join(topic);
    const session = await longpoll.Session.open(user);
    await session.join(topic);
    await owner.rest.ok("PUT", `/rooms/${room.id}/bans/${user.id}`);
    const started = performance.now();
    await owner.rest.send(room.id, "after");
    const closed = (/** @type {any} */ [, , name, event]) => name === topic && event === "phx_close";
    for (const wire of wires) await wire.next(closed);
    await session.next(closed);
    assert.ok(performance.now() - started < GRACE_MS);
    for (const wire of wires) {
      await wire.ping();
      assert.ok(wire.messages.seen().every((message) => !JSON.stringify(message).includes("after")));
      wire.json(["9", "9", topic, "phx_join", {}]);
      assert.deepEqual((await wire.reply("9"))[4], { status: "error", response: { reason: "banned" } });
    }
    assert.equal((await user.rest.request("GET", `/rooms/${room.id}/messages`)).status, 403);
  });

  it("a socket that connects meanwhile is ended too", async (t) => {
    const site = await server.site();
    const user = await site.user("ann");
    const connecting = Array.from({ length: 20 }, () =>
      handshake(server, { query: `token=${user.token}&vsn=2.0.0` }).catch(() => undefined),
    );
    await site.admin("PUT", `/users/${user.id}/suspension`);
    for (const answer of await Promise.all(connecting)) {
      const wire = answer?.wire;
      if (!wire) continue;
      t.after(() => wire.drop());
      await wire.closeCode(GRACE_MS);
    }
  });

  it("who is let in again needs a new token", async () => {
    const site = await server.site();
    const user = await site.user("ann");
    await site.admin("PUT", `/users/${user.id}/suspension`);
    const signed = site.token({ sub: user.sub });
    assert.equal((await server.rest({ token: signed }).request("GET", "/auth/me")).status, 401);
    await site.admin("DELETE", `/users/${user.id}/suspension`);
    assert.equal((await user.rest.request("GET", "/auth/me")).status, 401, "what was revoked stays so");
    await eventually(
      async () => (await server.rest({ token: site.token({ sub: user.sub }) }).request("GET", "/auth/me")).status === 200,
      "a new token is good",
      DEADLINE_MS,
    );
  });

  it("a restart forgets nothing", { skip: !server.server && "the server is not ours to restart" }, async () => {
    const own = await target();
    const process = own.server;
    assert.ok(process);
    try {
      const site = await own.site();
      const [ann, bob, carl] = await Promise.all(["ann", "bob", "carl"].map((name) => site.user(name)));
      assert.ok(ann && bob && carl);
      await ann.rest.ok("DELETE", "/auth/logout");
      await site.admin("PUT", `/users/${bob.id}/suspension`);
      const [keyless] = [await site.newKey()];
      await site.admin("DELETE", `/keys/${site.key.kid}`);
      const key = site.key;
      site.key = keyless;
      const dora = await site.user("dora");
      await process.halt();
      await process.start();
      for (const { rest } of [ann, bob, carl]) assert.equal((await rest.request("GET", "/auth/me")).status, 401);
      assert.equal((await dora.rest.request("GET", "/auth/me")).status, 200);
      site.key = key;
      assert.equal((await own.rest({ token: site.token() }).request("GET", "/auth/me")).status, 401);
    } finally {
      await own.close();
    }
  });
});

/**
 * Somebody with a token of a key that is still good.
 *
 * @param {Site} site
 */
async function newSpeaker(site) {
  site.key = await site.newKey();
  return site.user("later-speaker");
}
