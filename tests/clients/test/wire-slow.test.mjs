// @ts-check
// A client that does not read what it is sent.
import assert from "node:assert/strict";
import { after, it } from "node:test";
import { startServer } from "../support/server.mjs";
import { openWire } from "../support/wire.mjs";

const server = await startServer();
after(() => server.stop());
const [ann, bob, eve] = await Promise.all([server.user("ann"), server.user("bob"), server.user("eve")]);

it("a reader that does not keep up is cut off, and nobody waits for it", async (t) => {
  const room = await ann.rest.room();
  const topic = `room:${room.id}`;
  const [sender, reader, sleeper] = await Promise.all([openWire(t, ann), openWire(t, bob), openWire(t, eve)]);
  await Promise.all([sender, reader].map((wire) => wire.join(topic)));
  await sleeper.join(topic);
  const isEve = (/** @type {any[]} */ [, , , event, payload]) => event === "presence_diff" && eve.id in payload.joins;
  await reader.next(isEve, "the sleeper's join");
  sleeper.socket.pause();

  let gone = false;
  const isGone = (/** @type {any[]} */ [, , , event, payload]) => event === "presence_diff" && eve.id in payload.leaves;
  // As long as the messages take, on however busy a machine.
  void reader.messages.take(isGone, "the sleeper's end", 60_000).then(
    () => (gone = true),
    () => {},
  );
  const content = "👋".repeat(2000);
  let sent = 0;
  // The kernel's buffers take some megabytes on their own.
  while (!gone && sent < 4000) {
    for (let number = 0; number < 50; number += 1) {
      sent += 1;
      sender.json(["1", `m${sent}`, topic, "new_message", { content }]);
    }
    await sender.reply(`m${sent}`);
  }
  assert.ok(gone, `still there after ${sent} messages`);
  await reader.next(([, , , event, payload]) => event === "new_message" && payload.seq === sent);
  const told = reader.messages.seen(([, , , event]) => event === "new_message").map(([, , , , { seq }]) => seq);
  assert.deepEqual(
    told,
    told.map((_, index) => index + 1),
  );
  assert.equal(told.length, sent);

  sleeper.socket.resume();
  const code = await sleeper.closeCode();
  assert.notEqual(code, 1000);
  t.diagnostic(`cut off after ${sent} messages, with ${code}`);
  const back = await openWire(t, eve);
  const { head_seq: headSeq } = await back.join(topic);
  assert.equal(headSeq, sent);
});
