// @ts-check
// Tenants are apart: every route that takes an id, asked with everybody's ids. The cases are made from the server's
// own description; a route with an id that has no row here fails.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { operations } from "./support/description.mjs";
import { comparable, send } from "./support/http.mjs";
import { target } from "./support/target.mjs";
import { nothing, people, things } from "./support/things.mjs";

/** @typedef {import("./support/description.mjs").Operation} Operation */
/** @typedef {import("./support/things.mjs").Things} Things */

/**
 * What a route answers about things that are there.
 *
 * @typedef {object} Row
 * @property {number} own to whose they are
 * @property {number} [stranger] to somebody else of the tenant; the same as `own` where that does not matter
 * @property {(things: Things) => Record<string, unknown>} [body]
 * @property {string} [file] a body that is no JSON
 * @property {string} [query] parameters it cannot do without
 */

/** @type {Row} */
const PRIVATE = { own: 200, stranger: 403 };
const user = (/** @type {Things} */ { peer = "" }) => ({ user_id: peer });
const message = () => ({ content: "hello" });

/** @type {Record<string, Row>} */
const USERS_ROUTES = {
  "GET /api/v1/users/{id}": { own: 200 },
  "GET /api/v1/rooms/{id}": PRIVATE,
  "PATCH /api/v1/rooms/{id}": PRIVATE,
  "DELETE /api/v1/rooms/{id}": PRIVATE,
  "POST /api/v1/rooms/{id}/join": PRIVATE,
  "DELETE /api/v1/rooms/{id}/leave": PRIVATE,
  "GET /api/v1/rooms/{id}/messages": PRIVATE,
  "POST /api/v1/rooms/{id}/messages": { own: 201, stranger: 403, body: message },
  "POST /api/v1/rooms/{id}/uploads": { own: 201, stranger: 403, file: "a file" },
  "GET /api/v1/rooms/{id}/messages/{mid}": PRIVATE,
  "PATCH /api/v1/rooms/{id}/messages/{mid}": { ...PRIVATE, body: () => ({ content: "hello again" }) },
  "DELETE /api/v1/rooms/{id}/messages/{mid}": PRIVATE,
  "GET /api/v1/rooms/{id}/messages/{mid}/revisions": PRIVATE,
  "GET /api/v1/rooms/{id}/messages/{mid}/thread": PRIVATE,
  "PUT /api/v1/rooms/{id}/messages/{mid}/reactions/{emoji}": PRIVATE,
  "DELETE /api/v1/rooms/{id}/messages/{mid}/reactions/{emoji}": PRIVATE,
  "PUT /api/v1/rooms/{id}/messages/{mid}/pin": PRIVATE,
  "DELETE /api/v1/rooms/{id}/messages/{mid}/pin": PRIVATE,
  "GET /api/v1/rooms/{id}/pins": PRIVATE,
  "GET /api/v1/rooms/{id}/changes": { ...PRIVATE, query: "epoch=x&since=0" },
  "POST /api/v1/rooms/{id}/read": { ...PRIVATE, body: () => ({ seq: 1 }) },
  "POST /api/v1/rooms/{id}/unread": { ...PRIVATE, body: () => ({ seq: 1 }) },
  "GET /api/v1/rooms/{id}/members": PRIVATE,
  "POST /api/v1/rooms/{id}/members": { own: 201, stranger: 403, body: user },
  "PATCH /api/v1/rooms/{id}/members/{uid}": { ...PRIVATE, body: () => ({ role: "moderator" }) },
  "DELETE /api/v1/rooms/{id}/members/{uid}": PRIVATE,
  "PUT /api/v1/rooms/{id}/members/{uid}/mute": PRIVATE,
  "DELETE /api/v1/rooms/{id}/members/{uid}/mute": PRIVATE,
  "GET /api/v1/rooms/{id}/mutes": PRIVATE,
  "GET /api/v1/rooms/{id}/bans": PRIVATE,
  "PUT /api/v1/rooms/{id}/bans/{uid}": PRIVATE,
  "DELETE /api/v1/rooms/{id}/bans/{uid}": PRIVATE,
  "GET /api/v1/rooms/{id}/invitations": PRIVATE,
  "POST /api/v1/rooms/{id}/invitations": { own: 201, stranger: 403, body: user },
  "DELETE /api/v1/rooms/{id}/invitations/{uid}": PRIVATE,
  // Who is not invited has no invitation; a room that is there is not told by that.
  "DELETE /api/v1/invitations/{id}": { own: 200, stranger: 404 },
  "POST /api/v1/dm": { own: 200, body: user },
  "GET /api/v1/dm/{id}/messages": PRIVATE,
  "POST /api/v1/dm/{id}/messages": { own: 201, stranger: 403, body: message },
};

/** A site's backend, which has a right to everything of its tenant. @type {Record<string, Row>} */
const BACKENDS_ROUTES = {
  "GET /api/v1/server/users/{id}": { own: 200 },
  "POST /api/v1/server/users/{id}/tokens": { own: 201 },
  "DELETE /api/v1/server/users/{id}/tokens": { own: 200 },
  "POST /api/v1/server/rooms/{id}/members": { own: 201, body: user },
  "DELETE /api/v1/server/rooms/{id}/members/{uid}": { own: 200 },
  "POST /api/v1/server/rooms/{id}/messages": { own: 201, body: message },
};

/** Those of a tenant's own administrator. @type {Record<string, Row>} */
const ADMINS_ROUTES = {
  "GET /api/v1/admin/tenants/{slug}": { own: 200 },
  "PATCH /api/v1/admin/tenants/{slug}": { own: 200, body: () => ({ name: "Renamed" }) },
  "GET /api/v1/admin/tenants/{slug}/limits": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/usage": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/audit": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/keys": { own: 200 },
  "POST /api/v1/admin/tenants/{slug}/keys": { own: 201, body: () => ({ algorithm: "HS256" }) },
  "DELETE /api/v1/admin/tenants/{slug}/keys/{kid}": { own: 200 },
  "POST /api/v1/admin/tenants/{slug}/keys/{kid}/rotation": { own: 201 },
  "GET /api/v1/admin/tenants/{slug}/api_keys": { own: 200 },
  "POST /api/v1/admin/tenants/{slug}/api_keys": { own: 201, body: () => ({ name: "new", scopes: ["users:read"] }) },
  "DELETE /api/v1/admin/tenants/{slug}/api_keys/{id}": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/admins": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/users": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/users/{id}": { own: 200 },
  "PATCH /api/v1/admin/tenants/{slug}/users/{id}": { own: 200, body: () => ({ name: "Renamed" }) },
  "DELETE /api/v1/admin/tenants/{slug}/users/{id}": { own: 200 },
  "PUT /api/v1/admin/tenants/{slug}/users/{id}/suspension": { own: 200 },
  "DELETE /api/v1/admin/tenants/{slug}/users/{id}/suspension": { own: 200 },
  "DELETE /api/v1/admin/tenants/{slug}/users/{id}/tokens": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/rooms": { own: 200 },
  "GET /api/v1/admin/tenants/{slug}/rooms/{id}": { own: 200 },
  "DELETE /api/v1/admin/tenants/{slug}/rooms/{id}": { own: 200 },
};

/** Routes that tenants' administrators do not know: for them they are paths that do not exist. */
const OPERATORS_ROUTES = new Set([
  "GET /api/v1/admin/stats",
  "GET /api/v1/admin/audit",
  "GET /api/v1/admin/tenants",
  "POST /api/v1/admin/tenants",
  "DELETE /api/v1/admin/tenants/{slug}",
  "PUT /api/v1/admin/tenants/{slug}/suspension",
  "DELETE /api/v1/admin/tenants/{slug}/suspension",
  "PUT /api/v1/admin/tenants/{slug}/limits",
  "POST /api/v1/admin/tenants/{slug}/admins",
  "DELETE /api/v1/admin/tenants/{slug}/admins/{id}",
]);

const server = await target();
after(() => server.close());
const settings = { settings: { upload_bytes_max: 1000 } };
const [here, there] = await Promise.all([server.site({ settings }), server.site({ settings })]);
const [ours, theirs] = await Promise.all([people(here), people(there)]);
const [backend, boss] = await Promise.all([here.apiKey(), here.tenantAdmin()]);
/** @type {Things} */
const foreign = {
  ...(await things(there, theirs)),
  key: String(there.key.kid),
  apiKey: (await there.apiKey()).id,
  admin: (await there.tenantAdmin()).id,
  peer: theirs.peer.id,
};
const all = await operations(server.url);

/**
 * @param {Operation} operation
 * @param {Row} row
 * @param {string} token
 * @param {Things} about what the path names
 * @param {{fields?: object, query?: string}} [more] fields and parameters beside those of the row
 */
function ask({ method, path, places, body }, row, token, about, { fields, query } = {}) {
  const kinds = places.map(({ of }) => of);
  const filled = path.replace(/\{\w+\}/g, () => about[kinds.shift() ?? ""] ?? assert.fail(`nothing to put into ${path}`));
  const parameters = [row.query, query].filter(Boolean).join("&");
  return send(`${server.url}${filled}${parameters && `?${parameters}`}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    body: body ? { ...row.body?.(about), ...fields } : row.file,
  });
}

/**
 * Asks with ids of another tenant and with ids of nothing, one at a time in otherwise good requests: nobody can tell
 * the two apart.
 *
 * @param {Operation} operation
 * @param {Row} row
 * @param {string} token
 * @param {() => Promise<Things>} fresh
 */
async function assertApart(operation, row, token, fresh) {
  const { places, named, queried } = operation;
  const own = await fresh();
  const random = nothing();
  for (const { of } of places) {
    if (of === "emoji") continue;
    const [other, none] = await Promise.all(
      [foreign, random].map((from) => ask(operation, row, token, { ...own, [of]: String(from[of]) })),
    );
    assert.ok(other && none);
    assert.equal(other.status, 404, `${of}: ${other.text}`);
    assert.deepEqual(comparable(other), comparable(none), of);
  }
  for (const field of named) {
    const kind = field === "user_id" ? "user" : "message";
    const [other, none] = await Promise.all(
      [foreign[kind], random[kind]].map((id) => ask(operation, row, token, own, { fields: { [field]: id } })),
    );
    assert.ok(other && none);
    assert.ok([404, 422].includes(other.status), `${field}: ${other.status} ${other.text}`);
    assert.deepEqual(comparable(other), comparable(none), field);
  }
  for (const parameter of queried) {
    const [other, none] = await Promise.all(
      [foreign.message, random["message"]].map((id) => ask(operation, row, token, own, { query: `${parameter}=${id}` })),
    );
    assert.ok(other && none);
    assert.ok([404, 422].includes(other.status), `${parameter}: ${other.status} ${other.text}`);
    assert.deepEqual(comparable(other), comparable(none), parameter);
  }
  return own;
}

/** Opened by its address alone, whoever asks: see the tests of uploads. */
const OPEN = "GET /api/v1/uploads/{id}";

const withIds = all.filter(
  ({ name, places, named, queried }) => name !== OPEN && places.length + named.length + queried.length > 0,
);
/** @param {string} prefix */
const under = (prefix) => withIds.filter(({ path }) => path.startsWith(prefix));
const ofAdmins = under("/api/v1/admin/");
const ofBackends = under("/api/v1/server/");
const ofUsers = withIds.filter((operation) => !ofAdmins.includes(operation) && !ofBackends.includes(operation));

/** New things of ours. */
const fresh = async () => ({ ...(await things(here, ours)), peer: ours.peer.id });

/**
 * @param {Record<string, Row>} rows
 * @param {Operation} operation
 */
function rowOf(rows, { name }) {
  const row = rows[name];
  assert.ok(row, `there is no row for ${name}: add what it answers to whom`);
  return row;
}

describe("isolation", { concurrency: 6 }, () => {
  for (const operation of ofUsers) {
    it(operation.name, async () => {
      const row = rowOf(USERS_ROUTES, operation);
      const own = await assertApart(operation, row, ours.owner.token, fresh);
      // All of it of another tenant, as its own people name it.
      const [other, none] = await Promise.all(
        [own, nothing()].map((about) => ask(operation, row, theirs.owner.token, { ...about, peer: theirs.peer.id })),
      );
      assert.ok(other && none);
      if (operation.places.length > 0) {
        assert.equal(other.status, 404);
        assert.deepEqual(comparable(other), comparable(none));
      }
      if (row.stranger !== undefined) {
        const stranger = await ask(operation, row, ours.stranger.token, own);
        assert.equal(stranger.status, row.stranger, stranger.text);
      }
      for (const token of ["", backend.secret, boss.secret, server.operatorToken]) {
        const refused = await ask(operation, row, token, own);
        assert.deepEqual([refused.status, refused.text], [401, '{"error":"unauthorized"}']);
      }
      const answer = await ask(operation, row, ours.owner.token, own);
      assert.equal(answer.status, row.own, answer.text);
    });
  }

  for (const operation of ofBackends) {
    it(operation.name, async () => {
      const row = rowOf(BACKENDS_ROUTES, operation);
      const own = await assertApart(operation, row, backend.secret, fresh);
      for (const token of ["", ours.owner.token, boss.secret, server.operatorToken]) {
        const refused = await ask(operation, row, token, own);
        assert.deepEqual([refused.status, refused.text], [401, '{"error":"unauthorized"}']);
      }
      // Somebody who may be cut off without an end to the other cases.
      const answer = await ask(operation, row, backend.secret, { ...own, user: ours.stranger.id });
      assert.equal(answer.status, row.own, answer.text);
    });
  }

  for (const operation of ofAdmins) {
    it(operation.name, async () => {
      // What happens to keys and users here is nothing that others can do without.
      const site = await server.site();
      const [{ rest, secret }, apiKey, owner] = await Promise.all([
        site.tenantAdmin(),
        site.apiKey(["users:read"]),
        site.user("owner"),
      ]);
      const own = {
        tenant: site.slug,
        key: String(site.key.kid),
        apiKey: apiKey.id,
        admin: (await site.tenantAdmin()).id,
        user: owner.id,
        room: (await owner.rest.room()).id,
      };
      const nowhere = await rest.request("GET", "/admin/nowhere");
      if (OPERATORS_ROUTES.has(operation.name)) {
        const refused = await ask(operation, { own: 404 }, secret, own);
        assert.deepEqual([refused.status, refused.text], [404, nowhere.text]);
        return;
      }
      const row = rowOf(ADMINS_ROUTES, operation);
      await assertApart(operation, row, secret, async () => own);
      const elsewhere = await ask(operation, row, secret, { ...own, tenant: there.slug });
      assert.deepEqual([elsewhere.status, elsewhere.text], [404, nowhere.text]);
      for (const token of ["", owner.token, owner.signed, apiKey.secret]) {
        const refused = await ask(operation, row, token, own);
        assert.deepEqual([refused.status, refused.text], [401, '{"error":"unauthorized"}']);
      }
      const answer = await ask(operation, row, secret, own);
      assert.equal(answer.status, row.own, answer.text);
    });
  }

  it("operators' routes without ids are not there for anybody else", async () => {
    const nowhere = await boss.rest.request("GET", "/admin/nowhere");
    for (const operation of all.filter(({ path, places }) => path.startsWith("/api/v1/admin/") && !places.length)) {
      assert.ok(OPERATORS_ROUTES.has(operation.name), `there is no row for ${operation.name}`);
      const known = await ask(operation, { own: 404 }, boss.secret, {});
      assert.deepEqual([known.status, known.text], [404, nowhere.text], operation.name);
      for (const token of ["", ours.owner.token, backend.secret]) {
        assert.equal((await ask(operation, { own: 401 }, token, {})).status, 401, operation.name);
      }
    }
  });

  it("a token opens nothing under another tenant's name", async () => {
    for (const { token } of [ours.owner, { token: ours.owner.signed }]) {
      for (const [headers, query] of /** @type {[Record<string, string>, string][]} */ ([
        [{ "x-tenant": there.slug }, ""],
        [{ "x-tenant": there.publicKey }, ""],
        [{}, `?tenant=${there.slug}`],
        [{}, `?tenant=${there.publicKey}`],
      ])) {
        const answer = await send(`${server.url}/api/v1/rooms${query}`, {
          headers: { ...headers, authorization: `Bearer ${token}` },
        });
        assert.deepEqual([answer.status, answer.text], [401, '{"error":"unauthorized"}']);
      }
    }
  });

  it("the same name, room and external id in two tenants are two", async () => {
    const sub = "the-same-customer";
    const [one, other] = await Promise.all([here.user("ann", { sub }), there.user("ann", { sub })]);
    assert.notEqual(one.id, other.id);
    const [again] = await Promise.all([here.user("ann", { sub })]);
    assert.equal(again.id, one.id);
  });

  it("the same page has another room in another tenant", async () => {
    const settings = { page_rooms: true, allowed_origins: ["https://site.example"] };
    const url = "https://site.example/post";
    await Promise.all([here, there].map((site) => site.admin("PATCH", "", { settings })));
    const opened = await ours.owner.rest.ok("POST", "/rooms/page", { url, title: "Post" });
    const found = await theirs.owner.rest.ok("GET", `/rooms/page?url=${encodeURIComponent(url)}`);
    assert.equal(found.data, null);
    const other = await theirs.owner.rest.ok("POST", "/rooms/page", { url });
    assert.notEqual(other.data.id, opened.data.id);
    assert.equal((await theirs.owner.rest.request("GET", `/rooms/${opened.data.id}`)).status, 404);
  });

  it("a key of one tenant's backend cannot be used under the name of another", async () => {
    const answer = await send(`${server.url}/api/v1/server/users`, {
      headers: { authorization: `Bearer ${backend.secret}`, "x-tenant": there.slug },
    });
    assert.equal(answer.status, 401);
  });
});
