// @ts-check
// Getting a socket, keeping it, and not getting it.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { VARIANTS, connect } from "../support/clients.mjs";
import { Proxy } from "../support/proxy.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
const impatient = await startServer({ "socket.idle_timeout": "1s" });
after(async () => {
  await server.stop();
  await impatient.stop();
});
const ann = await server.user("ann");
const impatientAnn = await impatient.user("ann");
const stranger = await server.user("stranger", { tenant: "other-website" });

/** Long enough for several attempts to reconnect. */
const SEVERAL_ATTEMPTS_MS = 400;

class MemoryStorage {
  /** @type {Map<string, string>} */
  #items = new Map();

  /** @param {string} key */
  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.#items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.#items.delete(key);
  }
}

for (const variant of VARIANTS) {
  describe(`connecting: ${variant.name}`, { concurrency: true }, () => {
    for (const [what, params] of /** @type {[string, Record<string, string>][]} */ ([
      ["a bad token", { token: "bad" }],
      ["no token", {}],
      ["an empty token", { token: "" }],
      ["a token of another tenant", { token: stranger.token, tenant: "mika-travel-blog" }],
    ])) {
      it(`${what} gets no socket`, async (t) => {
        const client = connect(t, variant, ann, { options: { params } });
        await client.errors.take();
        await pause(SEVERAL_ATTEMPTS_MS);
        assert.equal(client.opens.seen().length, 0);
      });
    }

    it("another version of the protocol gets no socket", async (t) => {
      const client = connect(t, variant, ann, { options: { vsn: "3.0.0" } });
      await client.errors.take();
      assert.equal(client.opens.seen().length, 0);
    });

    it("a token may come with its tenant, and with parameters nobody knows", async (t) => {
      const params = { token: ann.token, tenant: "default", empty: "", "odd name": "ä&=+", nested: { list: [1, 2] } };
      const client = connect(t, variant, ann, { options: { params } });
      await client.opens.take();
      await client.join("room:general");
    });

    // Since 1.8.
    const withAuthToken = variant.newest ? it : undefined;
    withAuthToken?.("authToken keeps the token out of the URL", async (t) => {
      const client = connect(t, variant, ann, { options: { params: {}, authToken: ann.token } });
      const member = await client.join("room:general");
      assert.equal(member.channel.state, "joined");
      assert.ok(!client.socket.endPointURL().includes(ann.token), "the token is not in the URL");
      const { conn } = /** @type {any} */ (client.socket);
      if (!variant.longPoll) assert.equal(conn.protocol, "phoenix");
      const refused = connect(t, variant, ann, { options: { params: {}, authToken: "bad" } });
      await refused.errors.take();
      assert.equal(refused.opens.seen().length, 0);
    });

    it("heartbeats keep a socket that says nothing else", async (t) => {
      const client = connect(t, variant, impatientAnn, { options: { heartbeatIntervalMs: 300 } });
      const member = await client.join("room:general");
      await pause(2500);
      assert.equal(client.closes.seen().length, 0);
      assert.equal(client.opens.seen().length, 1);
      assert.equal(member.channel.state, "joined");
    });

    const overLongPoll = variant.longPoll ? it : undefined;
    overLongPoll?.("a long poll needs no heartbeats", async (t) => {
      const client = connect(t, variant, impatientAnn, { options: { heartbeatIntervalMs: 60_000 } });
      await client.join("room:general");
      await pause(2500);
      assert.equal(client.closes.seen().length, 0);
    });

    const overWebSocket = variant.longPoll ? undefined : it;
    overWebSocket?.("a WebSocket without heartbeats is closed, and the client comes back", async (t) => {
      const client = connect(t, variant, impatientAnn, { options: { heartbeatIntervalMs: 60_000 } });
      const member = await client.join("room:general");
      assert.equal((await client.closes.take()).code, 1002);
      await member.take("message_history");
      assert.equal(member.channel.state, "joined");
      assert.equal(client.opens.seen().length, 2);
    });
  });
}

for (const variant of VARIANTS.filter(({ longPoll }) => !longPoll)) {
  describe(`falling back to long poll: ${variant.name}`, { concurrency: true }, () => {
    /** @type {[import("../support/proxy.mjs").Upgrades, string][]} */
    const cases = [
      ["refuse", "when the upgrade is refused"],
      ["stall", "when the upgrade is never answered"],
      ["mute", "when the WebSocket opens and then carries nothing"],
    ];
    for (const [upgrades, when] of cases) {
      it(when, async (t) => {
        const proxy = await Proxy.start(t, server, upgrades);
        const sessionStorage = new MemoryStorage();
        // Older clients join anew only when the join that went into the void has timed out.
        const options = { longPollFallbackMs: 300, sessionStorage, timeout: 1000, rejoinAfterMs: () => 50 };
        const client = connect(t, variant, ann, { url: proxy.socketUrl, options });
        const room = await ann.rest.room();
        const member = client.channel(`room:${room.id}`);
        member.channel.join();
        await member.take("message_history");
        assert.equal(/** @type {any} */ (client.socket).transport, variant.phoenix.LongPoll);
        await member.send("over long poll");
        await member.take("new_message");
        assert.equal(member.seen("new_message").length, 1);
        assert.ok(
          sessionStorage.getItem("phx:fallback:LongPoll"),
          "the client remembers that long poll is what works here",
        );
      });
    }

    it("not when the WebSocket works", async (t) => {
      const proxy = await Proxy.start(t, server);
      const options = { longPollFallbackMs: 2500, sessionStorage: new MemoryStorage() };
      const client = connect(t, variant, ann, { url: proxy.socketUrl, options });
      await client.join("room:general");
      await pause(3000);
      assert.equal(client.opens.seen().length, 1);
      assert.equal(/** @type {any} */ (client.socket).transport, variant.transport);
    });
  });
}
