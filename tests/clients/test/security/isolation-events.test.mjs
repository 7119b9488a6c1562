// @ts-check
// Tenants are apart on sockets too: every topic and every event that takes an id, with everybody's ids, over WebSocket
// and over long poll.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, describe, it } from "node:test";
import * as longpoll from "../../support/longpoll.mjs";
import { openWire } from "../../support/wire.mjs";
import { target } from "./support/target.mjs";
import { nothing, people, things } from "./support/things.mjs";

const server = await target({ "socket.longpoll_window": "1s" });
after(() => server.close());
const [here, there] = await Promise.all([server.site(), server.site()]);
const [ours, theirs] = await Promise.all([people(here), people(there)]);
const [own, elsewhere, foreign] = await Promise.all([things(here, ours), things(here, ours), things(there, theirs)]);

/** What a message says when its id is nobody's business. */
const GONE = { reason: "message_not_found" };
const FIELD = (/** @type {string} */ field) => (/** @type {any} */ response) => {
  assert.equal(response.reason, "invalid");
  assert.deepEqual(Object.keys(response.errors), [field]);
};

/**
 * Events of a room, with what they take: `id` is put where a message's id belongs. `null`: the event has none.
 *
 * @type {Record<string, null | {payload: (id: string) => object, refused: object | ((response: any) => void)}[]>}
 */
const EVENTS = {
  new_message: [
    { payload: (id) => ({ content: "hello", reply_to: id }), refused: FIELD("reply_to") },
    { payload: (id) => ({ content: "hello", thread_root: id }), refused: FIELD("thread_root") },
  ],
  "message:new": [
    { payload: (id) => ({ body: "hello", reply_to: id }), refused: FIELD("reply_to") },
    { payload: (id) => ({ body: "hello", thread_root: id }), refused: FIELD("thread_root") },
  ],
  edit_message: [{ payload: (id) => ({ id, content: "altered" }), refused: GONE }],
  delete_message: [{ payload: (id) => ({ id }), refused: GONE }],
  add_reaction: [{ payload: (id) => ({ id, emoji: "👍" }), refused: GONE }],
  remove_reaction: [{ payload: (id) => ({ id, emoji: "👍" }), refused: GONE }],
  pin_message: [{ payload: (id) => ({ id }), refused: GONE }],
  unpin_message: [{ payload: (id) => ({ id }), refused: GONE }],
  load_more_messages: [{ payload: (id) => ({ before_id: id }), refused: FIELD("before_id") }],
  mark_read: null,
  mark_unread: null,
  typing: null,
  stop_typing: null,
  token_refresh: null,
};

/** Topics, by what they are the topic of, and how joining somebody else's of the same tenant is refused. */
const TOPICS = [
  { topic: (/** @type {import("./support/things.mjs").Things} */ { room }) => `room:${room}`, stranger: "unauthorized", random: "room not found" },
  { topic: (/** @type {import("./support/things.mjs").Things} */ { dm }) => `dm:${dm}`, stranger: "unauthorized", random: "room not found" },
  { topic: (/** @type {import("./support/things.mjs").Things} */ { user }) => `user:${user}`, stranger: "unauthorized", random: "unauthorized" },
];

/** A socket of a user that asks and hears the reply, over either transport. */
class Asker {
  #refs = 0;

  /**
   * @param {(message: unknown) => unknown} send
   * @param {(ref: string) => Promise<any>} reply
   */
  constructor(send, reply) {
    this.send = send;
    this.reply = reply;
  }

  /**
   * @param {string} topic
   * @param {string} event
   * @param {object} payload
   * @param {string} [joined] the ref of the channel's join
   * @returns {Promise<{status: string, response: any, ref: string}>}
   */
  async ask(topic, event, payload, joined) {
    const ref = `q${(this.#refs += 1)}`;
    await this.send([joined ?? ref, ref, topic, event, payload]);
    return { ...(await this.reply(ref))[4], ref };
  }
}

/** @type {Record<string, (t: import("node:test").TestContext, user: import("./support/target.mjs").Visitor) => Promise<Asker>>} */
const TRANSPORTS = {
  WebSocket: async (t, user) => {
    const wire = await openWire(t, user);
    return new Asker((message) => wire.json(message), (ref) => wire.reply(ref));
  },
  "long poll": async (_, user) => {
    const session = await longpoll.Session.open(user);
    return new Asker((message) => session.post(JSON.stringify(message)), (ref) => session.reply(ref));
  },
};

it("every event that a client can send has a row", async () => {
  const page = await readFile(new URL("../../../../docs/realtime.md", import.meta.url), "utf8");
  const section = page.split("## What a client sends\n")[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const documented = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  assert.ok(documented.length > 10);
  assert.deepEqual(documented.filter((event) => !(String(event) in EVENTS)), []);
});

for (const [transport, open] of Object.entries(TRANSPORTS)) {
  describe(`isolation: ${transport}`, { concurrency: true }, () => {
    it("topics of another tenant are topics of nothing", async (t) => {
      const socket = await open(t, ours.owner);
      const stranger = await open(t, ours.stranger);
      for (const { topic, ...refused } of TOPICS) {
        const [other, none] = [await socket.ask(topic(foreign), "phx_join", {}), await socket.ask(topic(nothing()), "phx_join", {})];
        assert.deepEqual([other.status, other.response], ["error", { reason: refused.random }]);
        assert.deepEqual(other.response, none.response);
        assert.deepEqual((await stranger.ask(topic(own), "phx_join", {})).response, { reason: refused.stranger });
        assert.equal((await socket.ask(topic(own), "phx_join", {})).status, "ok");
      }
    });

    it("what a topic is not joined for is not heard", async (t) => {
      const socket = await open(t, ours.owner);
      for (const event of Object.keys(EVENTS)) {
        for (const things of [foreign, nothing(), elsewhere]) {
          const { status, response } = await socket.ask(`room:${things["room"]}`, event, { content: "x" });
          assert.deepEqual([status, response], ["error", { reason: "unmatched topic" }], event);
        }
      }
    });

    for (const [event, fields] of Object.entries(EVENTS)) {
      if (!fields) continue;
      it(`${event} knows the ids of its own room only`, async (t) => {
        const socket = await open(t, ours.owner);
        const topic = `room:${own["room"]}`;
        const { ref } = await socket.ask(topic, "phx_join", {});
        for (const { payload, refused } of fields) {
          const answers = [];
          for (const { message = "" } of [nothing(), foreign, elsewhere]) {
            const { status, response } = await socket.ask(topic, event, payload(message), ref);
            assert.equal(status, "error");
            answers.push(JSON.stringify(response));
          }
          assert.deepEqual(new Set(answers).size, 1, String(answers));
          const response = JSON.parse(String(answers[0]));
          if (typeof refused === "function") refused(response);
          else assert.deepEqual(response, refused);
        }
      });
    }
  });
}

it("none of it changed anything of the others", async () => {
  for (const [owner, { room, message }] of /** @type {const} */ ([[theirs.owner, foreign], [ours.owner, elsewhere]])) {
    const [found] = await owner.rest.messages(String(room));
    assert.deepEqual([found.id, found.content, found.reactions, found.pinned_at], [message, "ours", [], null]);
  }
});
