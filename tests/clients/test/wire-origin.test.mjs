// @ts-check
// Whose pages may open a socket.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { startServer } from "../support/server.mjs";
import { handshake } from "../support/wire.mjs";

const picky = await startServer({ "socket.check_origin": "//good.example,https://*.wild.example" });
after(() => picky.stop());
const pickyAnn = await picky.user("ann");

describe("origins", { concurrency: true }, () => {
  const query = `token=${pickyAnn.token}&vsn=2.0.0`;
  /** @type {[string | undefined, boolean][]} */
  const table = [
    [undefined, true],
    ["http://good.example", true],
    ["https://good.example:8443", true],
    ["http://good.example.evil", false],
    ["https://not-good.example", false],
    ["null", false],
    ["garbage", false],
    ["", false],
    ["https://wild.example", true],
    ["https://a.wild.example", true],
    ["http://a.wild.example", false],
    ["https://a.wild.example:444", false],
    ["https://notwild.example", false],
  ];
  for (const [origin, allowed] of table) {
    it(`${origin ?? "none"} is ${allowed ? "allowed" : "refused"}`, async () => {
      /** @type {Record<string, string>} */
      const headers = origin === undefined ? {} : { origin };
      const answer = await handshake(picky, { query, headers });
      answer.wire?.drop();
      assert.deepEqual([answer.status, answer.body], [allowed ? 101 : 403, ""]);
      const path = "/chat/socket/longpoll";
      const polled = await handshake(picky, { path, query, headers, upgrade: false });
      assert.equal(polled.status, 200);
      assert.equal(JSON.parse(polled.body).status, allowed ? 410 : 403);
      const preflight = await handshake(picky, { path, query, headers, upgrade: false, method: "OPTIONS" });
      assert.equal(preflight.status, 200);
      if (allowed) assert.equal(preflight.body, "");
      else assert.deepEqual(JSON.parse(preflight.body), { status: 403 });
    });
  }
});
