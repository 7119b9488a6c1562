// @ts-check
// Joining, reading, writing and leaving rooms.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { VARIANTS, connect } from "../support/clients.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.stop());
const [ann, bob, eve] = await Promise.all([server.user("ann"), server.user("bob"), server.user("eve")]);

const longRoom = await ann.rest.room({ name: "Long" });
for (let number = 1; number <= 60; number += 1) await ann.rest.send(longRoom.id, `message ${number}`);

// 2000 characters of four bytes each.
const wordyRoom = await ann.rest.room({ name: "Wordy" });
for (let number = 1; number <= 50; number += 1) await ann.rest.send(wordyRoom.id, "👋".repeat(2000));

/** @param {{content: string}[]} messages */
const contents = (messages) => messages.map((message) => message.content);

for (const variant of VARIANTS) {
  describe(`rooms: ${variant.name}`, { concurrency: true }, () => {
    it("a join is answered with the room, then comes the history, then who is there", async (t) => {
      const room = await ann.rest.room();
      for (const content of ["one", "two", "three"]) await ann.rest.send(room.id, content);
      const member = await connect(t, variant, bob).join(`room:${room.slug}`);
      assert.equal(member.reply.room.id, room.id);
      assert.equal(member.reply.room.slug, room.slug);
      assert.equal(member.reply.role, null, "a visitor of a public room has no role");
      assert.equal(member.reply.head_seq, 3);
      assert.equal(typeof member.reply.epoch, "string");
      assert.deepEqual(member.history, await ann.rest.messages(room.id));
      assert.deepEqual(contents(member.history), ["one", "two", "three"]);
      assert.deepEqual(Object.keys(await member.take("presence_state")), [bob.id]);
      const events = member.log.seen().map(({ event }) => event);
      assert.equal(events[0], "phx_reply");
      assert.ok(events.indexOf("message_history") > 0);
    });

    it("the creator joins as admin, by the room's id too", async (t) => {
      const room = await ann.rest.room();
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      assert.equal(member.reply.role, "admin");
      assert.deepEqual(member.history, []);
    });

    it("a message comes back to its sender before the reply, and whole to the others", async (t) => {
      const room = await ann.rest.room();
      const [sender, other] = await Promise.all([
        connect(t, variant, ann).join(`room:${room.id}`),
        connect(t, variant, bob).join(`room:${room.id}`),
      ]);
      const reply = await sender.push("new_message", { content: "hi", client_id: "c-1" });
      assert.deepEqual(Object.keys(reply).sort(), ["client_id", "id", "inserted_at", "message_id", "seq"]);
      assert.equal(reply.id, reply.message_id);
      assert.equal(reply.client_id, "c-1");
      assert.equal(reply.seq, 1);

      const events = sender.log.seen();
      const own = events.findIndex(({ event }) => event === "new_message");
      const replied = events.findIndex(({ payload }) => payload.response?.id === reply.id);
      assert.ok(own >= 0 && own < replied, `broadcast at ${own}, reply at ${replied}`);

      const message = await other.take("new_message");
      assert.deepEqual(message, {
        id: reply.id,
        room_id: room.id,
        seq: 1,
        changed_seq: 1,
        type: "text",
        content: "hi",
        user: { id: ann.id, username: ann.username },
        client_id: "c-1",
        reply_to: null,
        thread_root: null,
        in_room: true,
        thread: null,
        reactions: [],
        attachments: [],
        mentions: [],
        pinned_at: null,
        edited_at: null,
        deleted_at: null,
        inserted_at: reply.inserted_at,
      });
      assert.ok(!Number.isNaN(Date.parse(message.inserted_at)));
      assert.deepEqual(await sender.take("new_message"), message);
    });

    it("a message is the same over REST, in the history and in the broadcast", async (t) => {
      const room = await ann.rest.room();
      const client = connect(t, variant, bob);
      const member = await client.join(`room:${room.id}`);
      const sent = await ann.rest.send(room.id, "from REST");
      assert.deepEqual(await member.take("new_message"), sent);
      await member.send("from the socket");
      const broadcast = await member.take("new_message");
      assert.equal(broadcast.content, "from the socket");
      assert.deepEqual(await ann.rest.messages(room.id), [sent, broadcast]);
      const late = await connect(t, variant, ann).join(`room:${room.id}`);
      assert.deepEqual(late.history, [sent, broadcast]);
    });

    it("messages arrive in the order they were sent in", async (t) => {
      const room = await ann.rest.room();
      const [sender, other] = await Promise.all([
        connect(t, variant, ann).join(`room:${room.id}`),
        connect(t, variant, bob).join(`room:${room.id}`),
      ]);
      const numbers = Array.from({ length: 30 }, (_, number) => `message ${number}`);
      const replies = await Promise.all(numbers.map((content) => sender.send(content)));
      assert.deepEqual(
        replies.map(({ seq }) => seq),
        numbers.map((_, index) => index + 1),
      );
      await other.take("new_message", ({ seq }) => seq === numbers.length);
      assert.deepEqual(contents(other.seen("new_message")), numbers);
      assert.deepEqual(contents(sender.seen("new_message")), numbers);
    });

    it("a message sent twice under one client_id is one message", async (t) => {
      const room = await ann.rest.room();
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      const first = await member.push("new_message", { content: "once", client_id: "twice" });
      const second = await member.push("new_message", { content: "once", client_id: "twice" });
      assert.deepEqual(second, first);
      await member.send("and on");
      await member.take("new_message", ({ content }) => content === "and on");
      assert.deepEqual(contents(member.seen("new_message")), ["once", "and on"]);
    });

    it("a message that breaks the rules is refused and told to nobody", async (t) => {
      const room = await ann.rest.room();
      const [sender, other] = await Promise.all([
        connect(t, variant, ann).join(`room:${room.id}`),
        connect(t, variant, bob).join(`room:${room.id}`),
      ]);
      for (const content of ["", " \n\t ", "x".repeat(2001), "a\u0000b"]) {
        const { errors } = await sender.refused("new_message", { content });
        assert.ok(Array.isArray(errors.content), JSON.stringify(errors));
      }
      for (const payload of [{}, { content: 7 }, { content: null }, { content: "x", reply_to: "no id" }]) {
        const { errors } = await sender.refused("new_message", payload);
        assert.equal(Object.keys(errors).length, 1, JSON.stringify(errors));
      }
      await sender.send("x".repeat(2000));
      assert.equal((await other.take("new_message")).content.length, 2000);
      assert.equal(other.seen("new_message").length, 1);
    });

    it("text is kept as it was written", async (t) => {
      const room = await ann.rest.room();
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      const content = ' <b>a < b</b> & "q" \\ \u2028 é 👩‍👩‍👧 ';
      await member.send(content);
      assert.equal((await member.take("new_message")).content, content);
      assert.equal((await ann.rest.messages(room.id))[0].content, content);
    });

    it("message:new {body} is the same under another name", async (t) => {
      const room = await ann.rest.room();
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      const reply = await member.push("message:new", { body: "by alias" });
      const message = await member.take("new_message");
      assert.equal(message.id, reply.message_id);
      assert.equal(message.content, "by alias");
      assert.ok((await member.refused("message:new", { content: "x" })).errors);
    });

    it("an answer names the message it answers", async (t) => {
      const room = await ann.rest.room();
      const elsewhere = await ann.rest.room();
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      const question = await member.send("why?");
      await member.push("new_message", { content: "because", reply_to: question.id });
      const told = await member.take("new_message", ({ content }) => content === "because");
      const user = { id: ann.id, username: ann.username };
      assert.deepEqual(told.reply_to, { id: question.id, user, excerpt: "why?", deleted: false });
      const foreign = await ann.rest.send(elsewhere.id, "elsewhere");
      const { errors } = await member.refused("new_message", { content: "x", reply_to: foreign.id });
      assert.ok(errors.reply_to);
    });

    it("the history is the last 50; load_more_messages gives what was before, page by page", async (t) => {
      const member = await connect(t, variant, bob).join(`room:${longRoom.id}`);
      assert.equal(member.history.length, 50);
      assert.equal(member.history[0].content, "message 11");
      const page = await member.push("load_more_messages", { before_id: member.history[0].id, limit: 4 });
      assert.deepEqual(contents(page.messages), ["message 7", "message 8", "message 9", "message 10"]);
      assert.equal(page.has_more, true);
      const rest = await member.push("load_more_messages", { before_id: page.messages[0].id });
      assert.deepEqual(contents(rest.messages), [1, 2, 3, 4, 5, 6].map((number) => `message ${number}`));
      assert.equal(rest.has_more, false);
      const all = await ann.rest.messages(longRoom.id, "?limit=100");
      assert.deepEqual([...rest.messages, ...page.messages, ...member.history], all);
      const dated = await member.push("load_more_messages", { last_timestamp: all[3].inserted_at, limit: 2 });
      assert.deepEqual(contents(dated.messages), ["message 2", "message 3"]);
    });

    it("the longest history there can be arrives", async (t) => {
      const member = await connect(t, variant, bob).join(`room:${wordyRoom.id}`);
      assert.equal(member.history.length, 50);
      const page = await member.push("load_more_messages", { limit: 50 });
      assert.deepEqual(page.messages, member.history);
    });

    it("of a great many messages at once each is stored or refused, and none is doubled", async (t) => {
      // Older clients put all they have into one long-poll request; what is beyond its limit is dropped.
      const count = variant.longPoll && !variant.newest ? 100 : 400;
      const room = await ann.rest.room();
      const [sender, other] = await Promise.all([
        connect(t, variant, ann).join(`room:${room.id}`),
        connect(t, variant, bob).join(`room:${room.id}`),
      ]);
      const sent = Array.from({ length: count }, (_, number) => sender.send(`message ${number}`));
      const answers = await Promise.allSettled(sent);
      const refused = answers.filter((answer) => answer.status === "rejected");
      for (const { reason } of refused) assert.ok(reason.response?.reason, String(reason));
      const numbers = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.seq] : []));
      assert.ok(numbers.length >= 100, `${numbers.length} were stored`);
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => index + 1),
      );
      await other.take("new_message", ({ seq }) => seq === numbers.length);
      assert.equal(other.seen("new_message").length, numbers.length);
      assert.equal(sender.client.closes.seen().length + other.client.closes.seen().length, 0);
    });

    it("load_more_messages refuses what it cannot read", async (t) => {
      const member = await connect(t, variant, bob).join(`room:${longRoom.id}`);
      for (const payload of [
        { before_id: "no id" },
        { before_id: "01890a5d-ac96-774b-bcce-b302099a8057" },
        { before_id: member.history[0].id, limit: 0 },
        { before_id: member.history[0].id, limit: 101 },
        { last_timestamp: "yesterday" },
      ]) {
        const response = await member.refused("load_more_messages", payload);
        assert.ok(response.errors, `${JSON.stringify(payload)} got ${JSON.stringify(response)}`);
      }
    });

    it("an unknown event is answered with an error and hurts nobody", async (t) => {
      const member = await connect(t, variant, bob).join(`room:${longRoom.id}`);
      assert.ok((await member.refused("no_such_event", { a: 1 })).reason);
      assert.equal(member.channel.state, "joined");
      assert.equal((await member.push("load_more_messages", { limit: 1 })).messages.length, 1);
    });

    it("who left a channel hears nothing more", async (t) => {
      const room = await ann.rest.room();
      const client = connect(t, variant, bob);
      const member = await client.join(`room:${room.id}`);
      await ann.rest.send(room.id, "before");
      await member.take("new_message");
      await member.leave();
      assert.equal(member.channel.state, "closed");
      await client.messages.take(({ event }) => event === "phx_close", "phx_close");
      client.messages.clear();
      await ann.rest.send(room.id, "after");
      await client.ping();
      const leaked = client.messages.seen(({ topic }) => topic === member.channel.topic);
      assert.deepEqual(leaked, []);
    });

    it("who left can come back", async (t) => {
      const room = await ann.rest.room();
      const client = connect(t, variant, bob);
      const before = await client.join(`room:${room.id}`);
      await before.leave();
      const again = await client.join(`room:${room.id}`);
      await again.send("back");
      assert.equal((await again.take("new_message")).content, "back");
      assert.equal(before.seen("new_message").length, 0);
    });

    it("a second Channel of a topic takes the place of the first", async (t) => {
      const room = await ann.rest.room();
      const client = connect(t, variant, bob);
      const first = await client.join(`room:${room.id}`);
      const second = await client.join(`room:${room.id}`);
      await ann.rest.send(room.id, "for the second");
      await second.take("new_message");
      await client.ping();
      assert.equal(second.seen("new_message").length, 1);
      assert.equal(first.seen("new_message").length, 0);
      assert.equal(first.channel.state, "closed");
      assert.equal(second.channel.state, "joined");
    });

    it("a join of a topic that is joined ends the old channel and leaves one subscription", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const client = connect(t, variant, bob);
      const first = await client.join(topic);
      client.messages.clear();
      client.socket.push({ topic, event: "phx_join", payload: {}, ref: "join-2", join_ref: "join-2" });
      const closed = await client.messages.take(({ event }) => event === "phx_close", "phx_close");
      assert.notEqual(closed.join_ref, "join-2");
      assert.equal(closed.ref, closed.join_ref);
      await client.messages.take(({ event }) => event === "message_history", "message_history");
      assert.equal(first.channel.state, "closed");
      const order = client.messages.seen(({ event }) => ["phx_reply", "phx_close", "message_history"].includes(event));
      assert.deepEqual(
        order.map(({ event, join_ref }) => [event, join_ref === "join-2"]),
        [
          ["phx_reply", true],
          ["phx_close", false],
          ["message_history", true],
        ],
      );
      await ann.rest.send(room.id, "once");
      await client.messages.take(({ event }) => event === "new_message", "new_message");
      await client.ping();
      assert.equal(client.messages.seen(({ event }) => event === "new_message").length, 1);
    });

    it("a join given up by the client is joined anew, once", async (t) => {
      const room = await ann.rest.room();
      const client = connect(t, variant, bob, { options: { rejoinAfterMs: () => 20 } });
      await client.opens.take();
      const member = client.channel(`room:${room.id}`);
      /** @type {any} */ (member.channel).timeout = 10_000;
      // Far too short: leave, join and leave again go out in one burst.
      const push = member.channel.join(1);
      push.receive("timeout", () => (/** @type {any} */ (member.channel).timeout = 10_000));
      await member.take("presence_state");
      await member.send("still here");
      await member.take("new_message");
      await client.ping();
      assert.equal(member.seen("new_message").length, 1);
      assert.equal(member.channel.state, "joined");
    });

    it("direct conversations are for their two", async (t) => {
      const { data: dm } = await ann.rest.ok("POST", "/dm", { user_id: bob.id });
      const [one, other] = await Promise.all([
        connect(t, variant, ann).join(`dm:${dm.id}`),
        connect(t, variant, bob).join(`dm:${dm.id}`),
      ]);
      const words = `psst, ${variant.name}`;
      await one.send(words);
      const message = await other.take("new_message", ({ content }) => content === words);
      const { data: messages } = await bob.rest.ok("GET", `/dm/${dm.id}/messages`);
      assert.deepEqual(messages.at(-1), message);
      const stranger = connect(t, variant, eve);
      assert.deepEqual(await stranger.channel(`dm:${dm.id}`).refusedJoin(), { reason: "unauthorized" });
      assert.equal((await stranger.channel(`room:${dm.id}`).refusedJoin()).messages, undefined);
    });

    it("joins are refused with the reason", async (t) => {
      const closed = await ann.rest.room({ name: "Closed", kind: "private" });
      const client = connect(t, variant, bob);
      /** @type {[string, string][]} */
      const refused = [
        [`room:${closed.id}`, "unauthorized"],
        [`user:${ann.id}`, "unauthorized"],
        ["room:no-such-room", "room not found"],
        ["room:01890a5d-ac96-774b-bcce-b302099a8057", "room not found"],
        ["dm:01890a5d-ac96-774b-bcce-b302099a8057", "room not found"],
        ["room:", "room not found"],
        ["nope:1", "unmatched topic"],
      ];
      for (const [topic, reason] of refused) {
        assert.deepEqual(await client.channel(topic).refusedJoin(), { reason }, topic);
      }
      const own = await client.join(`user:${bob.id}`);
      assert.equal(own.channel.state, "joined");
      const member = await connect(t, variant, ann).join(`room:${closed.id}`);
      assert.equal(member.reply.role, "admin");
    });

    it("a room that is deleted closes its channels", async (t) => {
      const room = await ann.rest.room();
      const client = connect(t, variant, bob);
      const member = await client.join(`room:${room.id}`);
      await ann.rest.ok("DELETE", `/rooms/${room.id}`);
      await member.take("phx_close");
      assert.equal(member.channel.state, "closed");
      assert.deepEqual(await client.channel(`room:${room.id}`).refusedJoin(), { reason: "room not found" });
    });

    it("who leaves a private room for good is put out of its channel", async (t) => {
      const room = await ann.rest.room({ name: "Closed", kind: "private" });
      const client = connect(t, variant, ann);
      const member = await client.join(`room:${room.id}`);
      await ann.rest.ok("DELETE", `/rooms/${room.id}/leave`);
      await member.take("phx_close");
      assert.deepEqual(await client.channel(`room:${room.id}`).refusedJoin(), { reason: "unauthorized" });
    });

    it("a heartbeat is answered", async (t) => {
      const client = connect(t, variant, bob);
      await client.opens.take();
      await client.ping();
    });
  });
}
