// @ts-check
// Cut connections, restarts, and being logged out.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { VARIANTS, connect } from "../support/clients.mjs";
import { Proxy } from "../support/proxy.mjs";
import { startServer } from "../support/server.mjs";
import { eventually } from "../support/wait.mjs";

const server = await startServer({ "socket.longpoll_window": "2s" });
after(() => server.stop());
const [ann, bob] = await Promise.all([server.user("ann"), server.user("bob")]);

/**
 * As many as one socket may have channels. One after the other: each is a commit to disk, and a slow disk must not
 * make the last ones wait for too long.
 *
 * @type {{id: string}[]}
 */
const rooms = [];
for (let number = 0; number < 100; number += 1) rooms.push(await ann.rest.room());

/** @param {{id: string}[]} messages */
const ids = (messages) => messages.map(({ id }) => id);

for (const variant of VARIANTS) {
  describe(`recovery: ${variant.name}`, { concurrency: true }, () => {
    it("after a cut nothing is missing and nothing is doubled", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const proxy = await Proxy.start(t, server);
      const client = connect(t, variant, bob, { url: proxy.socketUrl });
      const member = await client.join(topic);
      await ann.rest.send(room.id, "before the cut");
      await member.take("new_message");
      member.log.clear();

      proxy.block();
      await client.closes.take();
      for (const content of ["missed 1", "missed 2", "missed 3"]) await ann.rest.send(room.id, content);
      const buffered = [member.send("written while away 1"), member.send("written while away 2")];
      proxy.unblock();

      const { messages } = await member.take("message_history");
      const replies = await Promise.all(buffered);
      await ann.rest.send(room.id, "after the cut");
      await member.take("new_message", ({ content }) => content === "after the cut");

      const stored = await ann.rest.messages(room.id);
      const told = [...ids(messages), ...ids(member.seen("new_message"))];
      assert.deepEqual(told, ids(stored), "history and broadcasts together are the room's log");
      assert.deepEqual(
        stored.map(({ content }) => content),
        [
          "before the cut",
          "missed 1",
          "missed 2",
          "missed 3",
          "written while away 1",
          "written while away 2",
          "after the cut",
        ],
      );
      assert.deepEqual(ids(replies), ids(stored.slice(4, 6)));
      assert.equal(client.opens.seen().length, 2);
    });

    it("all channels of a socket are joined anew at once, as many as it may have", async (t) => {
      const proxy = await Proxy.start(t, server);
      const client = connect(t, variant, bob, { url: proxy.socketUrl });
      const members = rooms.map(({ id }) => client.channel(`room:${id}`));
      await Promise.all(members.map((member) => member.join()));
      for (const member of members) member.log.clear();
      proxy.cut();
      await client.closes.take();
      for (const member of members) {
        const reply = await member.take("phx_reply");
        assert.equal(reply.status, "ok", JSON.stringify(reply));
      }
    });

    it("a message that may or may not have arrived is sent again under its client_id", async (t) => {
      const room = await ann.rest.room();
      const proxy = await Proxy.start(t, server);
      const client = connect(t, variant, bob, { url: proxy.socketUrl });
      const member = await client.join(`room:${room.id}`);
      const message = { content: "exactly once", client_id: "only-one" };
      member.channel.push("new_message", message);
      await eventually(async () => (await ann.rest.messages(room.id)).length === 1, "the message is stored");
      proxy.cut();
      await client.closes.take();
      const reply = await member.push("new_message", message);
      const stored = await ann.rest.messages(room.id);
      assert.deepEqual(ids(stored), [reply.id]);
    });

    it("somebody who is cut off is gone, and comes back as one", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const watcher = await connect(t, variant, ann).join(topic);
      const proxy = await Proxy.start(t, server);
      const client = connect(t, variant, bob, { url: proxy.socketUrl });
      const member = await client.join(topic);
      await watcher.take("presence_diff", ({ joins }) => bob.id in joins);
      proxy.block();
      // A WebSocket's end is seen at once, a long poll's when it is not polled any more.
      await watcher.take("presence_diff", ({ leaves }) => bob.id in leaves);
      member.log.clear();
      proxy.unblock();
      await watcher.take("presence_diff", ({ joins }) => bob.id in joins);
      const state = await member.take("presence_state");
      assert.deepEqual(Object.keys(state).sort(), [ann.id, bob.id].sort());
      assert.equal(state[bob.id].metas.length, 1);
    });

    it("logging out ends the user's sockets, and lets them in no more", async (t) => {
      const room = await ann.rest.room();
      const carol = await server.user("carol");
      const other = await server.rest().ok("POST", "/auth/login", {
        username: carol.username,
        password: carol.password,
      });
      const kept = connect(t, variant, { ...carol, token: other.data.token });
      const keptMember = await kept.join(`room:${room.id}`);
      const client = connect(t, variant, carol);
      const member = await client.join(`room:${room.id}`);
      await carol.rest.ok("DELETE", "/auth/logout");
      // An older client over long poll is not told of the end as such; it meets the refusal right away.
      const { code } = await client.closes.take();
      if (!variant.longPoll) assert.equal(code, 1001);
      await client.errors.take();
      const opens = client.opens.seen().length;
      await pause(400);
      assert.equal(client.opens.seen().length, opens);
      assert.equal(opens, 1);
      assert.notEqual(member.channel.state, "joined");
      assert.equal((await carol.rest.request("GET", "/auth/me")).status, 401);

      await keptMember.send("this session goes on");
      await keptMember.take("new_message");
      assert.equal(kept.closes.seen().length, 0);
    });

    it("clients come back to a server that was restarted, and find everything", async (t) => {
      const restarted = await startServer({ "socket.longpoll_window": "2s" });
      t.after(() => restarted.stop());
      const dave = await restarted.user("dave");
      const client = connect(t, variant, dave);
      const member = await client.join("room:general");
      await member.send("before");
      const epoch = member.reply.epoch;
      member.log.clear();

      const begun = Date.now();
      await restarted.halt();
      assert.ok(Date.now() - begun < 5000, "nothing holds up the server's end");
      const { code } = await client.closes.take();
      if (!variant.longPoll) assert.equal(code, 1012);
      const buffered = member.send("in between");
      await restarted.start();

      const { messages } = await member.take("message_history", undefined, 15_000);
      assert.deepEqual(
        messages.map((/** @type {any} */ { content }) => content),
        ["before"],
      );
      await buffered;
      assert.equal((await member.take("new_message")).content, "in between");
      const late = await connect(t, variant, dave).join("room:general");
      assert.equal(late.reply.epoch, epoch);
      assert.equal(late.reply.head_seq, 2);
    });
  });
}
