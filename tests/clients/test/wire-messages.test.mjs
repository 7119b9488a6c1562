// @ts-check
// Frames on one socket: joins, refs, leaves, replies and their order, in both versions and in binary.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { startServer } from "../support/server.mjs";
import { OPCODE, openWire } from "../support/wire.mjs";

const server = await startServer({ "socket.channels_max": "3" });
after(() => server.stop());
const [ann, bob] = await Promise.all([server.user("ann"), server.user("bob")]);

/**
 * @param {unknown} ref
 * @param {unknown} topic
 */
const unmatched = (ref, topic) => [
  null,
  ref,
  topic,
  "phx_reply",
  { status: "error", response: { reason: "unmatched topic" } },
];

describe("version 2", { concurrency: true }, () => {
  it("a heartbeat is answered with join_ref null, whatever came with it", async (t) => {
    const wire = await openWire(t, ann);
    const reply = { status: "ok", response: {} };
    for (const [joinRef, ref, payload] of [
      [null, "1", {}],
      ["9", "2", { a: 1 }],
      [null, 3, null],
      [null, "4", 7],
    ]) {
      wire.json([joinRef, ref, "phoenix", "heartbeat", payload]);
      assert.deepEqual(await wire.next(), [null, ref, "phoenix", "phx_reply", reply]);
    }
    wire.json([null, null, "phoenix", "heartbeat", {}]);
    assert.deepEqual(await wire.next(), [null, null, "phoenix", "phx_reply", reply]);
  });

  it("more than five elements: the first five count", async (t) => {
    const wire = await openWire(t, ann);
    wire.json([null, "1", "phoenix", "heartbeat", {}, "more", { and: "more" }]);
    assert.equal((await wire.next())[1], "1");
  });

  it("every message of a join has five elements and an object, and the reply is first", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    wire.json(["11", "12", topic, "phx_join", { some: "params" }]);
    await wire.next(([, , , event]) => event === "presence_state");
    await wire.ping();
    const messages = wire.messages.seen(([, , of]) => of === topic);
    for (const message of messages) {
      assert.equal(message.length, 5);
      assert.equal(Object.prototype.toString.call(message[4]), "[object Object]");
    }
    const [reply, history] = messages;
    assert.deepEqual(reply.slice(0, 4), ["11", "12", topic, "phx_reply"]);
    assert.equal(reply[4].status, "ok");
    assert.deepEqual(history, ["11", null, topic, "message_history", { messages: [] }]);
    const state = messages.find(([, , , event]) => event === "presence_state");
    assert.deepEqual(state.slice(0, 3), ["11", null, topic]);
    const diffs = messages.filter(([, , , event]) => event === "presence_diff");
    assert.ok(diffs.length >= 1, "the joiner receives the diff of its own join");
    for (const diff of diffs) {
      assert.deepEqual(diff.slice(0, 2), [null, null]);
      assert.deepEqual(Object.keys(diff[4]).sort(), ["count", "joins", "leaves", "level"]);
    }
  });

  it("refs come back with the type they came with", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    for (const ref of ["uuid-ish", 7, 2 ** 40]) {
      const wire = await openWire(t, ann);
      wire.json([ref, ref, topic, "phx_join", {}]);
      assert.deepEqual((await wire.reply(ref)).slice(0, 3), [ref, ref, topic]);
      wire.json([ref, 8, topic, "load_more_messages", {}]);
      assert.deepEqual((await wire.reply(8)).slice(0, 3), [ref, 8, topic]);
      wire.json([null, "9", topic, "load_more_messages", {}]);
      assert.deepEqual((await wire.reply("9")).slice(0, 3), [ref, "9", topic]);
      wire.json([ref, null, topic, "load_more_messages", {}]);
      assert.deepEqual((await wire.reply(null)).slice(0, 3), [ref, null, topic]);
    }
  });

  it("a stale join_ref is met with silence, a leave with one too", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    await wire.join(topic, "20");
    wire.json(["0", "21", topic, "new_message", { content: "stale" }]);
    wire.json([20, "22", topic, "new_message", { content: "another type" }]);
    wire.json(["0", "23", topic, "phx_leave", {}]);
    wire.json(["20", "24", topic, "new_message", { content: "current" }]);
    await wire.reply("24");
    await wire.ping();
    const refs = wire.messages.seen(([, , , event]) => event === "phx_reply").map(([, ref]) => ref);
    assert.deepEqual(refs.slice(0, 2), ["20", "24"]);
    assert.deepEqual(
      (await ann.rest.messages(room.id)).map(({ content }) => content),
      ["current"],
    );
  });

  it("what is for no joined topic gets the unmatched reply", async (t) => {
    const wire = await openWire(t, ann);
    for (const [message, reply] of [
      [["1", "2", "nope:1", "phx_join", {}], unmatched("2", "nope:1")],
      [["1", "3", "room:9", "typing", {}], unmatched("3", "room:9")],
      [[null, "4", "phoenix", "other", {}], unmatched("4", "phoenix")],
      [["1", "5", "", "new_message", {}], unmatched("5", "")],
    ]) {
      wire.json(message);
      assert.deepEqual(await wire.next(), reply);
    }
  });

  it("a leave: the reply, then phx_close with the join_ref twice", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    await wire.join(topic, "20");
    await wire.next(([, , , event]) => event === "presence_state");
    await wire.ping();
    wire.messages.clear();
    wire.json(["20", "21", topic, "phx_leave", {}]);
    assert.deepEqual(await wire.next(), ["20", "21", topic, "phx_reply", { status: "ok", response: {} }]);
    assert.deepEqual(await wire.next(), ["20", "20", topic, "phx_close", {}]);
    wire.json(["20", "22", topic, "new_message", { content: "x" }]);
    assert.deepEqual(await wire.next(([, ref]) => ref === "22"), unmatched("22", topic));
  });

  it("a leave of what is not joined is ok and closes nothing", async (t) => {
    const wire = await openWire(t, ann);
    wire.json(["8", "9", "room:7", "phx_leave", {}]);
    assert.deepEqual(await wire.next(), ["8", "9", "room:7", "phx_reply", { status: "ok", response: {} }]);
    await wire.ping();
    assert.equal(wire.messages.seen(([, , , event]) => event === "phx_close").length, 0);
  });

  it("a leave waits for what was sent before it, and a join right behind it stays", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    await wire.join(topic, "1");
    wire.json(["1", "2", topic, "new_message", { content: "first" }]);
    wire.json(["1", "3", topic, "phx_leave", {}]);
    wire.json(["4", "4", topic, "phx_join", {}]);
    wire.json(["4", "5", topic, "new_message", { content: "second" }]);
    await wire.reply("5");
    const replies = wire.messages.seen(([, , , event]) => event === "phx_reply");
    assert.deepEqual(
      replies.map(([, ref, , , { status }]) => [ref, status]),
      ["1", "2", "3", "4", "5"].map((ref) => [ref, "ok"]),
    );
    const closes = wire.messages.seen(([, , , event]) => event === "phx_close");
    assert.deepEqual(closes, [["1", "1", topic, "phx_close", {}]]);
  });

  it("a duplicate join: the new reply, the old close, the new pushes", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const watcher = await openWire(t, bob);
    await watcher.join(topic);
    const wire = await openWire(t, ann);
    await wire.join(topic, "70");
    await wire.next(([, , , event]) => event === "presence_state");
    await wire.ping();
    wire.messages.clear();
    watcher.messages.clear();
    wire.json(["71", "72", topic, "phx_join", {}]);
    await wire.next(([joinRef, , , event]) => joinRef === "71" && event === "presence_state");
    const order = wire.messages.seen(([, , , event]) => event !== "presence_diff");
    assert.deepEqual(
      order.map(([joinRef, ref, , event]) => [joinRef, ref, event]),
      [
        ["71", "72", "phx_reply"],
        ["70", "70", "phx_close"],
        ["71", null, "message_history"],
        ["71", null, "presence_state"],
      ],
    );
    assert.equal(order[3][4][ann.id].metas.length, 1);

    wire.json(["70", "73", topic, "new_message", { content: "of the old channel" }]);
    wire.json(["71", "74", topic, "new_message", { content: "of the new one" }]);
    await wire.reply("74");
    await wire.ping();
    const broadcasts = wire.messages.seen(([, , , event]) => event === "new_message");
    assert.equal(broadcasts.length, 1);
    assert.equal(broadcasts[0][4].content, "of the new one");
    await watcher.ping();
    /** @type {Set<string>} */
    const present = new Set();
    for (const [, , , , { joins, leaves }] of watcher.messages.seen(([, , , event]) => event === "presence_diff")) {
      for (const { phx_ref: ref } of joins[ann.id]?.metas ?? []) present.add(ref);
      for (const { phx_ref: ref } of leaves[ann.id]?.metas ?? []) present.delete(ref);
    }
    assert.equal(present.size, 1, "for the others the old one went and one new came");
  });

  it("a duplicate join that is refused still ends the old channel", async (t) => {
    const room = await ann.rest.room({ name: "Closed", kind: "private" });
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    await wire.join(topic, "1");
    await ann.rest.ok("DELETE", `/rooms/${room.id}`);
    await wire.next(([, , , event]) => event === "phx_close");
    wire.json(["2", "2", topic, "phx_join", {}]);
    assert.deepEqual((await wire.reply("2"))[4], { status: "error", response: { reason: "room not found" } });
    wire.json(["2", "3", topic, "typing", {}]);
    assert.deepEqual(await wire.next(([, ref]) => ref === "3"), unmatched("3", topic));
  });

  it("a burst of joins and leaves is answered in order, and the last join stays", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    const expected = [];
    for (let round = 0; round < 5; round += 1) {
      const join = `${round}-join`;
      wire.json([join, join, topic, "phx_join", {}]);
      expected.push(join);
      if (round === 4) break;
      wire.json([join, `${round}-leave`, topic, "phx_leave", {}]);
      expected.push(`${round}-leave`);
    }
    await wire.reply("4-join");
    const replies = wire.messages.seen(([, , , event]) => event === "phx_reply");
    assert.deepEqual(
      replies.map(([, ref]) => ref),
      expected,
    );
    wire.json(["4-join", "6", topic, "new_message", { content: "here" }]);
    await wire.reply("6");
    assert.equal(wire.messages.seen(([, , , event]) => event === "new_message").length, 1);
  });

  it("one channel too many is refused, until another is left", async (t) => {
    const rooms = await Promise.all(Array.from({ length: 4 }, () => ann.rest.room()));
    const topics = rooms.map(({ id }) => `room:${id}`);
    const wire = await openWire(t, ann);
    for (const [index, topic] of topics.slice(0, 3).entries()) await wire.join(topic, `${index}`);
    wire.json(["8", "8", topics[3], "phx_join", {}]);
    assert.deepEqual(await wire.reply("8"), [
      "8",
      "8",
      topics[3],
      "phx_reply",
      { status: "error", response: { reason: "too many channels joined" } },
    ]);
    wire.json(["10", "10", topics[0], "phx_join", {}]);
    assert.equal((await wire.reply("10"))[4].status, "ok");
    wire.json(["1", "11", topics[1], "phx_leave", {}]);
    await wire.reply("11");
    await wire.join(String(topics[3]), "12");
  });

  it("a broadcast has neither join_ref nor ref, a reply has both", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const [wire, other] = await Promise.all([openWire(t, ann), openWire(t, bob)]);
    await wire.join(topic, "1");
    await other.join(topic, "7");
    wire.json(["1", "5", topic, "new_message", { content: "hi" }]);
    const own = await wire.next(([, , , event]) => event === "new_message");
    assert.deepEqual(own.slice(0, 4), [null, null, topic, "new_message"]);
    assert.deepEqual((await wire.reply("5")).slice(0, 4), ["1", "5", topic, "phx_reply"]);
    assert.deepEqual(await other.next(([, , , event]) => event === "new_message"), own);
    wire.json(["1", "6", topic, "typing", {}]);
    assert.deepEqual(await other.next(([, , , event]) => event === "typing"), [
      null,
      null,
      topic,
      "typing",
      { user_id: ann.id, username: ann.username },
    ]);
  });

  it("one room has two names, and each channel hears of it under its own", async (t) => {
    const room = await ann.rest.room();
    const [bySlug, byId] = await Promise.all([openWire(t, ann), openWire(t, bob)]);
    await bySlug.join(`room:${room.slug}`, "1");
    await byId.join(`room:${room.id}`, "1");
    await ann.rest.send(room.id, "x");
    const isMessage = (/** @type {any[]} */ [, , , event]) => event === "new_message";
    assert.equal((await bySlug.next(isMessage))[2], `room:${room.slug}`);
    assert.equal((await byId.next(isMessage))[2], `room:${room.id}`);
  });

  it("client-sent events of the protocol are ordinary events", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    await wire.join(topic, "1");
    const events = ["phx_reply", "phx_close", "phx_error", "presence_diff", "message_history"];
    for (const [index, event] of events.entries()) {
      wire.json(["1", `e${index}`, topic, event, {}]);
      assert.equal((await wire.reply(`e${index}`))[4].status, "error", event);
    }
    await wire.ping();
    const leaked = wire.messages.seen(([, , , event]) => event === "phx_close" || event === "phx_error");
    assert.deepEqual(leaked, []);
  });
});

describe("binary frames", { concurrency: true }, () => {
  it("a heartbeat", async (t) => {
    const wire = await openWire(t, ann);
    wire.binary("00 00 01 07 09  31 70686f656e6978 686561727462656174");
    assert.deepEqual(await wire.next(), [null, "1", "phoenix", "phx_reply", { status: "ok", response: {} }]);
  });

  it("a join, a push that takes no bytes, and a leave", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    /** @param {string} joinRef @param {string} ref @param {string} event @param {string} data */
    const push = (joinRef, ref, event, data) => {
      const sizes = [joinRef, ref, topic, event].map((field) => Buffer.byteLength(field));
      wire.binary(Buffer.concat([Buffer.from([0, ...sizes]), Buffer.from(joinRef + ref + topic + event + data)]));
    };
    push("11", "11", "phx_join", "");
    assert.deepEqual((await wire.reply("11")).slice(0, 3), ["11", "11", topic]);
    push("11", "2", "new_message", '{"content":"bytes are no JSON"}');
    const reply = await wire.reply("2");
    assert.deepEqual(reply.slice(0, 4), ["11", "2", topic, "phx_reply"]);
    assert.equal(reply[4].status, "error");
    push("", "3", "new_message", "");
    assert.deepEqual((await wire.reply("3")).slice(0, 2), ["11", "3"]);
    push("11", "4", "phx_leave", "");
    assert.equal((await wire.reply("4"))[4].status, "ok");
    await wire.next(([joinRef, ref, , event]) => joinRef === "11" && ref === "11" && event === "phx_close");
    assert.deepEqual(await ann.rest.messages(room.id), []);
  });
});

describe("version 1", { concurrency: true }, () => {
  for (const vsn of ["1.0.0", null]) {
    it(`${vsn ?? "without vsn"}: join, message, leave`, async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const wire = await openWire(t, ann, { vsn });
      wire.json({ topic, event: "phx_join", payload: {}, ref: "1" });
      const reply = await wire.next();
      assert.deepEqual(Object.keys(reply).sort(), ["event", "payload", "ref", "topic"]);
      assert.deepEqual([reply.topic, reply.event, reply.ref], [topic, "phx_reply", "1"]);
      assert.equal(reply.payload.status, "ok");
      assert.deepEqual(await wire.next(({ event }) => event === "message_history"), {
        topic,
        event: "message_history",
        ref: null,
        payload: { messages: [] },
      });
      await wire.next(({ event }) => event === "presence_state");
      wire.json({ topic, event: "new_message", payload: { content: "hi" }, ref: "2" });
      const message = await wire.next(({ event }) => event === "new_message");
      assert.deepEqual([message.ref, message.payload.content], [null, "hi"]);
      const sent = await wire.next(({ ref }) => ref === "2");
      assert.equal(sent.payload.response.id, message.payload.id);
      wire.json({ topic: "phoenix", event: "heartbeat", payload: {}, ref: "3" });
      assert.deepEqual(await wire.next(({ ref }) => ref === "3"), {
        topic: "phoenix",
        event: "phx_reply",
        ref: "3",
        payload: { status: "ok", response: {} },
      });
      wire.json({ topic, event: "phx_leave", payload: {}, ref: "4" });
      const left = await wire.next(({ ref }) => ref === "4");
      assert.deepEqual(left.payload, { status: "ok", response: {} });
      assert.deepEqual(await wire.next(({ event }) => event === "phx_close"), {
        topic,
        event: "phx_close",
        ref: null,
        payload: {},
      });
      for (const received of wire.messages.seen()) {
        assert.deepEqual(Object.keys(received).sort(), ["event", "payload", "ref", "topic"]);
      }
    });
  }

  it("a join_ref is read, never sent, and comes back in phx_close", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann, { vsn: "1.0.0" });
    wire.json({ topic, event: "phx_join", payload: {}, ref: "70", join_ref: "70", other: 1 });
    await wire.next(({ ref }) => ref === "70");
    await wire.next(({ event }) => event === "presence_state");
    wire.json({ topic, event: "phx_join", payload: {}, ref: "72", join_ref: "71" });
    const closed = await wire.next(({ event }) => event === "phx_close");
    assert.deepEqual(closed, { topic, event: "phx_close", ref: "70", payload: {} });
    const order = wire.messages.seen(({ ref, event }) => ref === "72" || event === "phx_close");
    assert.deepEqual(
      order.map(({ event }) => event),
      ["phx_reply", "phx_close"],
    );
    wire.json({ topic, event: "new_message", payload: { content: "stale" }, ref: "73", join_ref: "70" });
    wire.json({ topic, event: "new_message", payload: { content: "current" }, ref: "74", join_ref: "71" });
    await wire.next(({ ref }) => ref === "74");
    assert.equal(wire.messages.seen(({ ref }) => ref === "73").length, 0);
  });

  it("both versions meet in one room", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const [one, two] = await Promise.all([openWire(t, ann, { vsn: "1.0.0" }), openWire(t, bob)]);
    one.json({ topic, event: "phx_join", payload: {}, ref: "1" });
    await one.next(({ ref }) => ref === "1");
    await two.join(topic);
    two.json(["1", "2", topic, "new_message", { content: "from two" }]);
    const told = await one.next(({ event }) => event === "new_message");
    const same = await two.next(([, , , event]) => event === "new_message");
    assert.deepEqual(told.payload, same[4]);
  });

  it("JSON in a binary frame is read", async (t) => {
    const wire = await openWire(t, ann, { vsn: "1.0.0" });
    const heartbeat = { topic: "phoenix", event: "heartbeat", payload: {}, ref: "1" };
    wire.frame(OPCODE.binary, JSON.stringify(heartbeat));
    assert.equal((await wire.next()).ref, "1");
  });
});
