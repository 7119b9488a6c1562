// @ts-check
// Who is there, on how many devices, and who is typing.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { VARIANTS, connect } from "../support/clients.mjs";
import { startServer } from "../support/server.mjs";
import { Mailbox, eventually } from "../support/wait.mjs";

const TYPING_MS = 2500;
const server = await startServer({ "socket.typing_timeout": `${TYPING_MS}ms`, "socket.longpoll_window": "2s" });
after(() => server.stop());
const [ann, bob] = await Promise.all([server.user("ann"), server.user("bob")]);

/**
 * The official Presence of a channel, and what it told.
 *
 * @param {import("../support/clients.mjs").Member} member
 */
function watch(member) {
  const presence = new member.client.variant.phoenix.Presence(member.channel);
  /** @type {Mailbox<{key: string, before: number}>} */
  const joins = new Mailbox("presence joins");
  /** @type {Mailbox<{key: string, left: number}>} */
  const leaves = new Mailbox("presence leaves");
  /** @type {Mailbox<true>} */
  const syncs = new Mailbox("presence syncs");
  presence.onJoin((key, current) => joins.put({ key: String(key), before: current ? current.metas.length : 0 }));
  presence.onLeave((key, current) => leaves.put({ key: String(key), left: current.metas.length }));
  presence.onSync(() => syncs.put(true));
  const who = () => Object.fromEntries(presence.list((key, { metas }) => [key, metas.length]));
  return { presence, joins, leaves, syncs, who };
}

for (const variant of VARIANTS) {
  describe(`presence: ${variant.name}`, { concurrency: true }, () => {
    it("tells the first and the last device of a user from the others", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const watcher = connect(t, variant, ann).channel(topic);
      const { joins, leaves, syncs, who } = watch(watcher);
      await watcher.join();
      await syncs.take();
      assert.deepEqual(who(), { [ann.id]: 1 });
      assert.deepEqual(await joins.take(), { key: ann.id, before: 0 });

      // One's own join is told twice, by the state and by the diff.
      const isBob = (/** @type {{key: string}} */ { key }) => key === bob.id;
      const phone = await connect(t, variant, bob).join(topic);
      assert.deepEqual(await joins.take(isBob), { key: bob.id, before: 0 });
      const laptop = await connect(t, variant, bob).join(topic);
      assert.deepEqual(await joins.take(isBob), { key: bob.id, before: 1 });
      assert.deepEqual(who(), { [ann.id]: 1, [bob.id]: 2 });

      await phone.leave();
      assert.deepEqual(await leaves.take(), { key: bob.id, left: 1 });
      assert.deepEqual(who(), { [ann.id]: 1, [bob.id]: 1 });
      // No leave this time: the device just goes. Over long poll that takes the server a while to see.
      await laptop.client.close();
      assert.deepEqual(await leaves.take(), { key: bob.id, left: 0 });
      assert.deepEqual(who(), { [ann.id]: 1 });
    });

    it("says who it is and since when", async (t) => {
      const room = await ann.rest.room();
      const before = Math.floor(Date.now() / 1000);
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      const state = await member.take("presence_state");
      assert.deepEqual(Object.keys(state), [ann.id]);
      const [meta, ...others] = state[ann.id].metas;
      assert.deepEqual(others, []);
      assert.equal(meta.user_id, ann.id);
      assert.equal(meta.username, ann.username);
      assert.ok(Number.isInteger(meta.online_at) && meta.online_at >= before && meta.online_at < before + 60);
      assert.equal(typeof meta.phx_ref, "string");
    });

    it("diffs name joins and leaves, with only what changed, under refs of their own", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const watcher = await connect(t, variant, ann).join(topic);
      await watcher.take("presence_state");
      const refs = [];
      for (let device = 0; device < 2; device += 1) {
        const member = await connect(t, variant, bob).join(topic);
        const { joins, leaves } = await watcher.take("presence_diff", ({ joins }) => bob.id in joins);
        assert.deepEqual(leaves, {});
        assert.equal(joins[bob.id].metas.length, 1);
        const [{ phx_ref: ref }] = joins[bob.id].metas;
        refs.push(ref);
        if (device === 0) continue;
        await member.leave();
        const diff = await watcher.take("presence_diff", ({ leaves }) => bob.id in leaves);
        assert.deepEqual(diff.joins, {});
        assert.deepEqual(
          diff.leaves[bob.id].metas.map((/** @type {any} */ meta) => meta.phx_ref),
          [ref],
        );
      }
      assert.equal(new Set(refs).size, 2);
    });

    it("a new Channel of the same topic is one presence, not two", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const watcher = connect(t, variant, ann).channel(topic);
      const { syncs, who } = watch(watcher);
      await watcher.join();
      await syncs.take();
      const client = connect(t, variant, bob);
      await client.join(topic);
      await client.join(topic);
      await client.join(topic);
      await client.ping();
      await eventually(() => who()[bob.id] === 1 && who()[ann.id] === 1, "each present once");
      const late = connect(t, variant, ann).channel(topic);
      const seen = watch(late);
      await late.join();
      await seen.syncs.take();
      assert.equal(seen.who()[bob.id], 1);
    });

    it("typing reaches all but the channel it came from", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const [typist, device, other] = await Promise.all([
        connect(t, variant, ann).join(topic),
        connect(t, variant, ann).join(topic),
        connect(t, variant, bob).join(topic),
      ]);
      const notice = { user_id: ann.id, username: ann.username };
      typist.channel.push("typing", {});
      assert.deepEqual(await other.take("typing"), notice);
      assert.deepEqual(await device.take("typing"), notice);
      typist.channel.push("stop_typing", {});
      assert.deepEqual(await other.take("stop_typing"), notice);
      assert.deepEqual(await device.take("stop_typing"), notice);
      await typist.send("so");
      await typist.take("new_message");
      assert.deepEqual([...typist.seen("typing"), ...typist.seen("stop_typing")], []);
    });

    it("typing is ended by the server when its end is never told", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const [typist, other] = await Promise.all([
        connect(t, variant, ann).join(topic),
        connect(t, variant, bob).join(topic),
      ]);
      const started = Date.now();
      typist.channel.push("typing", {});
      await other.take("typing");
      assert.deepEqual(await other.take("stop_typing"), { user_id: ann.id, username: ann.username });
      assert.ok(Date.now() - started >= TYPING_MS, "not before its time");
    });

    it("who goes on typing is not cut short", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const [typist, other] = await Promise.all([
        connect(t, variant, ann).join(topic),
        connect(t, variant, bob).join(topic),
      ]);
      for (let beat = 0; beat < 5; beat += 1) {
        typist.channel.push("typing", {});
        await other.take("typing");
        assert.equal(other.seen("stop_typing").length, 0);
        await pause(TYPING_MS * 0.4);
      }
      await other.take("stop_typing");
      assert.equal(other.seen("stop_typing").length, 1);
    });

    it("a message ends typing, and so does leaving", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const [typist, other] = await Promise.all([
        connect(t, variant, ann).join(topic),
        connect(t, variant, bob).join(topic),
      ]);
      typist.channel.push("typing", {});
      await other.take("typing");
      await typist.send("done");
      await other.take("new_message");
      await other.take("stop_typing", undefined, TYPING_MS * 0.9);
      typist.channel.push("typing", {});
      await other.take("typing");
      await typist.leave();
      await other.take("stop_typing", undefined, TYPING_MS * 0.9);
    });
  });
}
