// @ts-check
// Which pages may ask: compared as parsed, before anything else is done, for sockets and for REST alike.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { handshake } from "../../support/wire.mjs";
import { send } from "./support/http.mjs";
import { target } from "./support/target.mjs";

const server = await target();
after(() => server.close());
const ALLOWED = [
  "https://good.example",
  "http://plain.example:8080",
  "https://*.wild.example",
  "https://*.port.example:8443",
  "https://xn--bcher-kva.example",
];
const picky = await server.site({ settings: { settings: { allowed_origins: ALLOWED } } });
const strict = await server.site({
  settings: { settings: { allowed_origins: ALLOWED, require_origin: true, allow_null_origin: true } },
});
const nobody = await server.site({ settings: { settings: { allowed_origins: [] } } });
const anybody = await server.site();

/**
 * Origins, and whether they are allowed.
 *
 * @type {[string | string[] | undefined, boolean][]}
 */
const TABLE = [
  [undefined, true],
  ["https://good.example", true],
  ["https://good.example:443", true],
  ["HTTPS://GOOD.Example", true],
  ["http://plain.example:8080", true],
  ["https://shop.wild.example", true],
  ["https://SHOP.wild.example", true],
  ["https://shop.wild.example:443", true],
  ["https://a.port.example:8443", true],
  ["https://xn--bcher-kva.example", true],
  ["https://XN--BCHER-KVA.example", true],
  // Another scheme, another port.
  ["http://good.example", false],
  ["ftp://good.example", false],
  ["wss://good.example", false],
  ["https://good.example:8443", false],
  ["https://good.example:80", false],
  ["http://plain.example", false],
  ["http://plain.example:80801", false],
  ["https://plain.example:8080", false],
  ["http://shop.wild.example", false],
  ["https://shop.wild.example:444", false],
  ["https://a.port.example", false],
  // Another host that looks like it.
  ["https://www.good.example", false],
  ["https://evil-good.example", false],
  ["https://evilgood.example", false],
  ["https://good.example.evil", false],
  ["https://good.example.evil:443", false],
  ["https://good.examplex", false],
  ["https://good-example", false],
  ["https://goodxexample", false],
  ["https://bucher.example", false],
  ["https://b\u00fccher.example", false],
  // One label, not none and not two.
  ["https://wild.example", false],
  ["https://a.b.wild.example", false],
  ["https://.wild.example", false],
  ["https://evilwild.example", false],
  ["https://evil.example/.wild.example", false],
  ["https://evil.example#.wild.example", false],
  ["https://evil.example?.wild.example", false],
  // What is no origin.
  ["https://good.example@evil.example", false],
  ["https://evil.example@good.example", false],
  ["https://evil.example\\@good.example", false],
  ["https://good.example https://evil.example", false],
  ["https://evil.example, https://good.example", false],
  ["https://good.example, https://evil.example", false],
  [["https://good.example", "https://evil.example"], false],
  [["https://evil.example", "https://good.example"], false],
  ["//good.example", false],
  ["good.example", false],
  ["null", false],
  ["", false],
  ["*", false],
  ["https://*", false],
  ["https://*.wild.example", false],
  ["https://evil.example", false],
  ["file://", false],
  ["chrome-extension://good.example", false],
];

const [ann, strictAnn, nobodyAnn, anybodyAnn] = await Promise.all(
  [picky, strict, nobody, anybody].map((site) => site.user("ann")),
);
assert.ok(ann && strictAnn && nobodyAnn && anybodyAnn);
const room = await ann.rest.room();

/**
 * @param {string | string[] | undefined} origin
 * @returns {Record<string, string | string[]>}
 */
const headersOf = (origin) => (origin === undefined ? {} : { origin });
/** @param {string | string[] | undefined} origin */
const written = (origin) => (origin === undefined ? "none" : JSON.stringify(origin));

/**
 * Whether a page of this origin may open sockets of this user, by WebSocket and by long poll.
 *
 * @param {import("./support/target.mjs").Visitor} user
 * @param {string | string[] | undefined} origin
 */
async function sockets(user, origin) {
  const query = `token=${user.token}&vsn=2.0.0`;
  const headers = headersOf(origin);
  const opened = await handshake(server, { query, headers });
  opened.wire?.drop();
  const polled = await handshake(server, { path: "/chat/socket/longpoll", query, headers, upgrade: false });
  return { opened, polled };
}

describe("origins", { concurrency: 4 }, () => {
  for (const [origin, allowed] of TABLE) {
    it(`${written(origin)} ${allowed ? "may" : "may not"} open sockets`, async () => {
      const { opened, polled } = await sockets(ann, origin);
      assert.deepEqual([opened.status, opened.body], [allowed ? 101 : 403, ""]);
      assert.equal(JSON.parse(polled.body).status, allowed ? 410 : 403);
      if (!allowed) {
        assert.equal(JSON.parse(polled.body).token, undefined);
        assert.notEqual(polled.headers["access-control-allow-origin"], origin);
      }
    });

    it(`${written(origin)} ${allowed ? "may" : "may not"} ask over REST`, async () => {
      const url = `${server.url}/api/v1`;
      const authorization = `Bearer ${ann.token}`;
      const content = `from ${written(origin)}`;
      const said = await handshake(server, {
        path: `/api/v1/rooms/${room.id}/messages`,
        method: "POST",
        upgrade: false,
        headers: { ...headersOf(origin), authorization, "content-type": "application/json" },
        payload: JSON.stringify({ content }),
      });
      assert.equal(said.status, allowed ? 201 : 403, said.body);
      assert.equal(said.headers["access-control-allow-credentials"], undefined);
      if (allowed && origin !== undefined) {
        assert.ok([origin, "*"].includes(String(said.headers["access-control-allow-origin"])));
        assert.match(String(said.headers["vary"]), /origin/i);
      }
      if (!allowed) {
        assert.equal(said.headers["access-control-allow-origin"], undefined);
        assert.equal(said.body, '{"error":"origin not allowed"}');
        // Read without an origin: nothing was done.
        const { text } = await send(`${url}/rooms/${room.id}/messages?limit=100`, { headers: { authorization } });
        assert.ok(!text.includes(JSON.stringify(content).slice(1, -1)));
      }
    });

    it(`a preflight of ${written(origin)} is ${allowed ? "granted" : "not granted"}`, async () => {
      if (origin === undefined) return;
      const asked = await handshake(server, {
        path: "/api/v1/rooms",
        query: `tenant=${picky.slug}`,
        method: "OPTIONS",
        upgrade: false,
        headers: {
          ...headersOf(origin),
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      });
      const granted = asked.headers["access-control-allow-origin"];
      assert.equal(granted !== undefined, allowed, String(granted));
      assert.equal(asked.headers["access-control-allow-credentials"], undefined);
      if (allowed) {
        assert.match(String(asked.headers["vary"]), /origin/i);
        assert.ok(Number(asked.headers["access-control-max-age"] ?? 0) <= 600);
      }
    });
  }

  it("a tenant may ask for an origin, and let in pages without one of their own", async () => {
    /** @type {[string | undefined, boolean][]} */
    const table = [[undefined, false], ["null", true], ["https://good.example", true], ["https://evil.example", false]];
    for (const [origin, allowed] of table) {
      const { opened, polled } = await sockets(strictAnn, origin);
      assert.equal(opened.status, allowed ? 101 : 403, written(origin));
      assert.equal(JSON.parse(polled.body).status, allowed ? 410 : 403, written(origin));
    }
  });

  it("a tenant without pages has none, and one without a list has any", async () => {
    for (const [user, allowed] of /** @type {const} */ ([[nobodyAnn, false], [anybodyAnn, true]])) {
      const { opened } = await sockets(user, "https://good.example");
      assert.equal(opened.status, allowed ? 101 : 403);
    }
    assert.equal((await sockets(nobodyAnn, undefined)).opened.status, 101);
    assert.equal((await sockets(anybodyAnn, "null")).opened.status, 403, "null is for those who allow it");
  });

  it("the list of one tenant says nothing about another", async () => {
    const other = await server.site({ settings: { settings: { allowed_origins: ["https://other.example"] } } });
    const bob = await other.user("bob");
    assert.equal((await sockets(bob, "https://good.example")).opened.status, 403);
    assert.equal((await sockets(bob, "https://other.example")).opened.status, 101);
    assert.equal((await sockets(ann, "https://other.example")).opened.status, 403);
    // Nor does naming one tenant help with a token of another.
    const asked = await send(`${server.url}/api/v1/auth/me?tenant=${other.slug}`, {
      headers: { origin: "https://other.example", authorization: `Bearer ${ann.token}` },
    });
    assert.ok([401, 403].includes(asked.status), asked.text);
  });

  it("a list that changes counts for the next request", async () => {
    const site = await server.site({ settings: { settings: { allowed_origins: ["https://one.example"] } } });
    const user = await site.user("ann");
    assert.equal((await sockets(user, "https://two.example")).opened.status, 403);
    await site.admin("PATCH", "", { settings: { allowed_origins: ["https://two.example"] } });
    assert.equal((await sockets(user, "https://two.example")).opened.status, 101);
    assert.equal((await sockets(user, "https://one.example")).opened.status, 403);
  });

  it("lists that say nothing sensible are refused", async () => {
    for (const entry of ["good.example", "https://", "https://*", "https://*.*.example", "https://a.*.example", "null", "*", "https://good.example/path", "javascript:alert(1)", "https://good.example; script-src *", "https://good.example\n"]) {
      const answer = await server.operator.request("PATCH", `/admin/tenants/${anybody.slug}`, {
        settings: { allowed_origins: [entry] },
      });
      assert.equal(answer.status, 422, entry);
    }
  });

  it("JSON that is declared as text is refused: such a request needs no preflight", async () => {
    for (const type of ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const answer = await send(`${server.url}/api/v1/rooms/${room.id}/messages`, {
        method: "POST",
        headers: { authorization: `Bearer ${ann.token}`, "content-type": type, origin: "https://good.example" },
        body: JSON.stringify({ content: "simple" }),
      });
      assert.equal(answer.status, 415, type);
    }
    for (const [path, body] of /** @type {const} */ ([["login", { username: "a", password: "b" }], ["exchange", { token: "x" }]])) {
      const answer = await send(`${server.url}/api/v1/auth/${path}`, {
        method: "POST",
        headers: { "content-type": "text/plain" },
        body: JSON.stringify(body),
      });
      assert.equal(answer.status, 415, path);
    }
    assert.ok((await ann.rest.messages(room.id, "?limit=100")).every(({ content }) => content !== "simple"));
  });

  it("no page gets at the admin API or a backend's", async () => {
    const { secret } = await picky.apiKey(["users:read"]);
    for (const [path, token] of [
      [`/api/v1/admin/tenants/${picky.slug}`, server.operatorToken],
      ["/api/v1/admin/stats", server.operatorToken],
      ["/api/v1/server/users", secret],
      ["/metrics", server.operatorToken],
    ]) {
      for (const method of ["GET", "OPTIONS"]) {
        const answer = await send(`${server.url}${path}`, {
          method,
          headers: {
            origin: "https://good.example",
            authorization: `Bearer ${token}`,
            "access-control-request-method": "GET",
          },
        });
        const cors = Object.keys(answer.headers).filter((name) => name.startsWith("access-control-"));
        assert.deepEqual(cors, [], `${method} ${path}`);
      }
    }
  });
});
