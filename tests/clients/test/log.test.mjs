// @ts-check
// The room's log, as the official clients live with it: coming back with `since`, changes, unread counts.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { VARIANTS, connect } from "../support/clients.mjs";
import { Proxy } from "../support/proxy.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer({
  "socket.longpoll_window": "1s",
  "realtime.unread_interval": "50ms",
  "limits.changes_per_user": "off",
  "limits.reactions_per_user": "off",
});
after(() => server.stop());
const [ann, bob] = await Promise.all([server.user("ann"), server.user("bob")]);

/** What an app keeps of a room: all it takes to come back. */
class View {
  /** @type {Map<string, any>} */
  messages = new Map();
  /** @type {string | undefined} */
  epoch;
  seq = 0;

  /** Parameters of the join: none the first time, then where this client is. */
  params = () => (this.epoch === undefined ? {} : { since: { epoch: this.epoch, seq: this.seq } });

  /** @param {any} message */
  apply(message) {
    const known = this.messages.get(message.id);
    assert.ok(!known || known.changed_seq < message.changed_seq, "nothing is told twice");
    assert.ok(message.changed_seq > this.seq, "changes come in order");
    this.messages.set(message.id, message);
    this.seq = message.changed_seq;
  }

  /** @param {any} reply of a join */
  joined(reply) {
    this.epoch = reply.epoch;
    for (const message of reply.messages ?? []) this.apply(message);
    assert.equal(this.seq, reply.head_seq);
  }

  /** Messages in their places, as an app shows them. */
  get shown() {
    return [...this.messages.values()]
      .sort((one, other) => one.seq - other.seq)
      .map(({ content, deleted_at, reactions }) => ({
        content,
        deleted: deleted_at !== null,
        reactions: reactions.map((/** @type {any} */ { emoji, count }) => `${emoji} ${count}`),
      }));
  }
}

/** The events that carry a message, or one within. */
const CHANGES = ["new_message", "message_edited", "message_deleted", "reaction_added", "reaction_removed"];

for (const variant of VARIANTS) {
  describe(`log: ${variant.name}`, { concurrency: true }, () => {
    it("a client that says where it was is told exactly what it missed", async (t) => {
      const room = await ann.rest.room();
      const messages = `/rooms/${room.id}/messages`;
      const proxy = await Proxy.start(t, server);
      const client = connect(t, variant, bob, { url: proxy.socketUrl });
      const view = new View();
      const member = client.channel(`room:${room.id}`, view.params);
      for (const event of CHANGES) member.channel.on(event, (payload) => view.apply(payload.message ?? payload));
      await member.join();
      view.joined(member.reply);
      /** @type {any[]} */
      const said = [];
      for (const content of ["one", "two", "three"]) said.push(await ann.rest.send(room.id, content));
      await member.take("new_message", ({ content }) => content === "three");
      member.log.clear();

      proxy.block();
      await client.closes.take();
      await ann.rest.ok("PATCH", `${messages}/${said[0].id}`, { content: "ONE" });
      await ann.rest.ok("DELETE", `${messages}/${said[1].id}`);
      await ann.rest.ok("PUT", `${messages}/${said[2].id}/reactions/${encodeURIComponent("👍")}`);
      said.push(await ann.rest.send(room.id, "four"));
      proxy.unblock();

      const { response } = await member.take("phx_reply", ({ response }) => "recovered" in response);
      assert.equal(response.recovered, true);
      assert.deepEqual(
        response.messages.map((/** @type {any} */ { id, changed_seq }) => [id, changed_seq]),
        said.map(({ id }, index) => [id, index + 4]),
        "the edited, the deleted, the reacted and the new one, and no other",
      );
      view.joined(response);

      await ann.rest.ok("PATCH", `${messages}/${said[3].id}`, { content: "FOUR" });
      await ann.rest.send(room.id, "five");
      await member.take("new_message", ({ content }) => content === "five");
      assert.deepEqual(view.shown, [
        { content: "ONE", deleted: false, reactions: [] },
        { content: "", deleted: true, reactions: [] },
        { content: "three", deleted: false, reactions: ["👍 1"] },
        { content: "FOUR", deleted: false, reactions: [] },
        { content: "five", deleted: false, reactions: [] },
      ]);
      assert.equal(view.seq, 9);
      assert.equal(member.seen("message_history").length, 0, "the history is for those who know nothing");
      const changes = await bob.rest.ok("GET", `/rooms/${room.id}/changes?epoch=${view.epoch}&since=9`);
      assert.ok(JSON.stringify(changes).includes('"recovered":true'));
    });

    it("changes made over the channel are answered and told to all", async (t) => {
      const room = await ann.rest.room();
      const topic = `room:${room.id}`;
      const [writer, reader] = await Promise.all([
        connect(t, variant, ann).join(topic),
        connect(t, variant, bob).join(topic),
      ]);
      const { id } = await writer.send("draft");
      const edited = await writer.push("edit_message", { id, content: "final" });
      assert.deepEqual(await reader.take("message_edited"), edited.message);
      const liked = await reader.push("add_reaction", { id, emoji: "🎉" });
      assert.equal(liked.message.reactions[0].me, true);
      const news = await writer.take("reaction_added");
      assert.deepEqual([news.emoji, news.user.id, news.message.reactions[0].count], ["🎉", bob.id, 1]);
      assert.equal((await reader.refused("edit_message", { id, content: "mine" })).reason, "not_the_author");
      await writer.push("pin_message", { id });
      assert.ok((await reader.take("message_pinned")).pinned_at);
      await writer.push("delete_message", { id });
      assert.equal((await reader.take("message_deleted")).content, "");
    });

    it("unread counts and the end of a membership come to the user's own topic", async (t) => {
      const room = await ann.rest.room();
      const carol = await server.user("carol");
      await carol.rest.ok("POST", `/rooms/${room.id}/join`);
      const devices = [connect(t, variant, carol), connect(t, variant, carol)];
      const own = await Promise.all(devices.map((device) => device.join(`user:${carol.id}`)));
      const member = await /** @type {any} */ (devices[0]).join(`room:${room.id}`);
      await ann.rest.send(room.id, "hello");
      const { seq } = await ann.rest.send(room.id, `and you, @${carol.username}?`);
      const counts = (/** @type {number} */ unread, /** @type {number} */ mentions) => (/** @type {any} */ payload) =>
        payload.room_id === room.id && payload.unread === unread && payload.mentions === mentions;
      for (const device of own) await device.take("unread", counts(2, 1));
      await member.push("mark_read", { seq });
      for (const device of own) assert.equal((await device.take("unread", counts(0, 0))).total, 0);

      await ann.rest.ok("PUT", `/rooms/${room.id}/bans/${carol.id}`, {});
      await member.take("phx_close");
      assert.equal(member.channel.state, "closed", "for good: the client does not try again");
      for (const device of own) assert.equal((await device.take("member_removed")).room.id, room.id);
      const again = /** @type {any} */ (devices[1]).channel(`room:${room.id}`);
      assert.equal((await again.refusedJoin()).reason, "banned");
    });
  });
}
