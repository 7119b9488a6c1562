// @ts-check
// So many messages of one user and no more, over whatever they come.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Refused, VARIANTS, connect } from "../support/clients.mjs";
import { startServer } from "../support/server.mjs";

// Nothing to speak of is regained while a test runs, however slow the machine is.
const server = await startServer({ "limits.messages_per_user": "10/10m", "limits.typing_per_user": "3/10m" });
// As it comes: ten in five seconds.
const generous = await startServer({ "limits.messages_per_user": "10/5s" });
after(() => Promise.all([server.stop(), generous.stop()]));

for (const variant of VARIANTS) {
  describe(`limits: ${variant.name}`, { concurrency: true }, () => {
    it("the eleventh message is refused, and so is the next over REST", async (t) => {
      const ann = await server.user("ann");
      const room = await ann.rest.room();
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      const sent = await Promise.allSettled(
        Array.from({ length: 14 }, (_, number) => member.send(`message ${number}`)),
      );
      assert.deepEqual(
        sent.map(({ status }) => status === "fulfilled"),
        sent.map((_, index) => index < 10),
      );
      for (const result of sent.slice(10)) {
        assert.ok(result.status === "rejected" && result.reason instanceof Refused);
        const { response } = result.reason;
        assert.deepEqual(Object.keys(response).sort(), ["limit", "reason", "retry_after_ms"]);
        assert.equal(response.limit, "messages_per_user");
        assert.equal(response.reason, "rate_limited");
        const wait = response.retry_after_ms;
        assert.ok(Number.isInteger(wait) && wait > 0 && wait <= 60_000, String(wait));
      }

      const overRest = await ann.rest.request("POST", `/rooms/${room.id}/messages`, { content: "by another way" });
      assert.equal(overRest.status, 429);
      assert.ok(Number(overRest.headers.get("retry-after")) >= 1);
      assert.equal(typeof overRest.body.error, "string");
      assert.equal((await ann.rest.messages(room.id)).length, 10, "what was refused is not stored");
    });

    it("messages over REST count for the socket, and every user counts alone", async (t) => {
      const [ann, bob] = await Promise.all([server.user("ann"), server.user("bob")]);
      const room = await ann.rest.room();
      const [limited, free] = await Promise.all([
        connect(t, variant, ann).join(`room:${room.id}`),
        connect(t, variant, bob).join(`room:${room.id}`),
      ]);
      for (let number = 0; number < 10; number += 1) await ann.rest.send(room.id, `message ${number}`);
      assert.equal((await limited.refused("new_message", { content: "x" })).reason, "rate_limited");
      assert.equal((await limited.refused("message:new", { body: "x" })).reason, "rate_limited");
      await free.send("not my limit");
    });

    it("who waits as long as told is heard again", async (t) => {
      const ann = await generous.user("ann");
      const room = await ann.rest.room();
      const member = await connect(t, variant, ann).join(`room:${room.id}`);
      let wait;
      for (let number = 0; number < 100 && wait === undefined; number += 1) {
        const sent = await Promise.allSettled([member.send("x"), member.send("x"), member.send("x")]);
        const refused = sent.findLast((result) => result.status === "rejected");
        wait = refused?.reason.response.retry_after_ms;
      }
      assert.ok(wait > 0 && wait <= 5000, String(wait));
      await pause(wait);
      await member.send("again");
    });

    it("typing that comes too fast is told to nobody", async (t) => {
      const [ann, bob] = await Promise.all([server.user("ann"), server.user("bob")]);
      const room = await ann.rest.room();
      const [typist, other] = await Promise.all([
        connect(t, variant, ann).join(`room:${room.id}`),
        connect(t, variant, bob).join(`room:${room.id}`),
      ]);
      for (let number = 0; number < 8; number += 1) typist.channel.push("typing", {});
      await typist.send("enough");
      await other.take("new_message");
      assert.equal(other.seen("typing").length, 3);
    });
  });
}
