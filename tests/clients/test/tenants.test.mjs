// @ts-check
// Websites that share a server share nothing else.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { VARIANTS, connect } from "../support/clients.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.stop());
// The same name in two tenants is two people.
const [blogger, shopper] = await Promise.all([
  server.user("ann", { tenant: "mika-travel-blog", exactly: true }),
  server.user("ann", { tenant: "other-website", exactly: true }),
]);

for (const variant of VARIANTS) {
  describe(`tenants: ${variant.name}`, { concurrency: true }, () => {
    it("one slug names a room of its own in each tenant", async (t) => {
      const [here, there] = await Promise.all([
        connect(t, variant, blogger).join("room:general"),
        connect(t, variant, shopper).join("room:general"),
      ]);
      assert.notEqual(here.reply.room.id, there.reply.room.id);
      const words = `only for the blog, ${variant.name}`;
      await here.send(words);
      await here.take("new_message", ({ content }) => content === words);
      here.channel.push("typing", {});
      await there.client.ping();
      await there.send("only for the shop");
      await there.take("new_message");
      assert.ok(there.seen("new_message").every(({ user }) => user.id === shopper.id));
      assert.ok(there.history.every(({ user }) => user.id === shopper.id));
      assert.deepEqual(there.seen("typing"), []);
      assert.deepEqual(Object.keys(await there.take("presence_state")), [shopper.id]);
      assert.ok(there.seen("presence_diff").every(({ joins, leaves }) => !(blogger.id in { ...joins, ...leaves })));
    });

    it("a room of another tenant looks like one that does not exist", async (t) => {
      const { data: room } = await blogger.rest.ok("POST", "/rooms", { name: "Blog only" });
      const client = connect(t, variant, shopper);
      const foreign = await client.channel(`room:${room.id}`).refusedJoin();
      const unknown = await client.channel("room:01890a5d-ac96-774b-bcce-b302099a8057").refusedJoin();
      assert.deepEqual(foreign, unknown);
      assert.deepEqual(foreign, { reason: "room not found" });
      const own = await client.channel(`user:${blogger.id}`).refusedJoin();
      assert.deepEqual(own, { reason: "unauthorized" });
    });
  });
}
