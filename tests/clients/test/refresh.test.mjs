// @ts-check
// The end of a token, as the official clients live through it: with another one in time, and without.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { VARIANTS, connect } from "../support/clients.mjs";
import { target } from "./security/support/target.mjs";
import { now } from "./security/support/tokens.mjs";

const server = await target({ "socket.longpoll_window": "1s" });
after(() => server.close());
const site = await server.site();
const socketUrl = `${server.url.replace("http", "ws")}/chat/socket`;

/** Somebody of the site, whose first token ends in some seconds. */
async function visitor(seconds = 4) {
  const { id, sub } = await site.user("ann");
  const end = now() + seconds;
  const token = site.token({ sub, exp: end });
  return { id, end, token, renewed: () => site.token({ sub, exp: now() + 600 }), user: /** @type {any} */ ({ token }) };
}

/** @param {{expires_at: string}} news */
const end = ({ expires_at }) => Date.parse(expires_at) / 1000;

for (const variant of VARIANTS) {
  describe(`refresh: ${variant.name}`, { concurrency: true }, () => {
    it("a client that brings another token stays", async (t) => {
      const ann = await visitor();
      const client = connect(t, variant, ann.user, { url: socketUrl });
      const self = await client.join(`user:${ann.id}`);
      assert.equal(end(await self.take("token_expiring")), ann.end);
      assert.deepEqual(await self.refused("token_refresh", { token: "nonsense" }), { reason: "unauthorized" });
      const reply = await self.push("token_refresh", { token: ann.renewed() });
      assert.ok(end(reply) > now() + 500);
      await pause((ann.end - now() + 1) * 1000);
      await client.ping();
      assert.deepEqual(self.seen("phx_error"), []);
    });

    it("a client that brings none is let in again with the next token it has", async (t) => {
      const ann = await visitor();
      let { token } = ann;
      const options = { params: () => ({ token }), reconnectAfterMs: () => 20, rejoinAfterMs: () => 20 };
      const client = connect(t, variant, ann.user, { url: socketUrl, options });
      const self = await client.join(`user:${ann.id}`);
      await client.opens.take();
      token = ann.renewed();
      if (!variant.longPoll) assert.equal((await client.closes.take()).code, 4401);
      await client.opens.take(undefined, "second opening");
      await self.log.take(({ event, payload }) => event === "phx_reply" && payload.status === "ok", "rejoin", 8000);
      assert.ok(now() >= ann.end);
      await client.ping();
    });
  });
}
