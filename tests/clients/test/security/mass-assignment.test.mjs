// @ts-check
// What the server decides cannot be sent: every field of an answer, sent back as input, is refused and changes nothing.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, describe, it } from "node:test";
import { operations } from "./support/description.mjs";
import { send } from "./support/http.mjs";
import { target } from "./support/target.mjs";
import { claims, sign } from "./support/tokens.mjs";
import { people, things } from "./support/things.mjs";

/** Fields that would be worth something, whether an answer of the route has them or not. */
const COVETED = [
  "id",
  "tenant_id",
  "user_id",
  "creator_id",
  "role",
  "kind",
  "type",
  "inserted_at",
  "head_seq",
  "seq",
  "changed_seq",
  "epoch",
  "suspended_at",
  "deleted_at",
  "settings",
  "limits",
  "scopes",
  "external_id",
  "password_hash",
  "secret",
  "is_admin",
  "__proto__",
];

const server = await target();
after(() => server.close());
const site = await server.site();
const users = await people(site);
const backend = await site.apiKey();
const all = await operations(server.url);
const made = await things(site, users);
const ids = {
  ...made,
  key: String(site.key.kid),
  apiKey: backend.id,
  admin: (await site.tenantAdmin()).id,
};

/** @param {string} path */
function tokenFor(path) {
  if (path.startsWith("/api/v1/admin/")) return server.operatorToken;
  return path.startsWith("/api/v1/server/") ? backend.secret : users.owner.token;
}

/**
 * @param {import("./support/description.mjs").Operation} operation
 * @param {string} body
 */
function ask({ method, path, places }, body) {
  const kinds = places.map(({ of }) => of);
  const filled = path.replace(/\{\w+\}/g, () => /** @type {Record<string, string>} */ (ids)[kinds.shift() ?? ""] ?? "");
  return send(`${server.url}${filled}`, {
    method,
    headers: { authorization: `Bearer ${tokenFor(path)}`, "content-type": "application/json" },
    body,
  });
}

/** What is there, as those who may see it see it. */
async function snapshot() {
  const [room, message, members, me, tenant, account, keys, apiKeys] = await Promise.all([
    users.owner.rest.ok("GET", `/rooms/${made["room"]}`),
    users.owner.rest.ok("GET", `/rooms/${made["room"]}/messages/${made["message"]}`),
    users.owner.rest.ok("GET", `/rooms/${made["room"]}/members`),
    users.owner.rest.ok("GET", "/auth/me"),
    site.admin("GET", ""),
    site.admin("GET", `/users/${users.owner.id}`),
    site.admin("GET", "/keys"),
    site.admin("GET", "/api_keys"),
  ]);
  // When something was last used is the only thing that asking may change.
  return JSON.stringify([room, message, members, me, tenant, account, keys, apiKeys]).replace(/"last_\w+_at":[^,}]+/g, "");
}

describe("mass assignment", { concurrency: 6 }, async () => {
  const before = await snapshot();
  for (const operation of all.filter(({ body }) => body)) {
    it(operation.name, async () => {
      const fields = new Set([...operation.outputs, ...COVETED].filter((field) => !operation.inputs.includes(field)));
      assert.ok(fields.size > 10);
      for (const field of fields) {
        for (const value of [randomUUID(), true]) {
          // Written out, for an object has no property of this name that is sent.
          const answer = await ask(operation, `{${JSON.stringify(field)}:${JSON.stringify(value)}}`);
          assert.equal(answer.status, 422, `${field}: ${answer.text}`);
          const wrong = Object.keys(answer.body.errors);
          assert.ok(wrong.includes(field) || wrong.includes("body"), `${field}: ${answer.text}`);
        }
      }
    });
  }

  it("a token says nothing about a user but what it may", async () => {
    const sub = `ann-${randomUUID()}`;
    const claimed = { sub, name: "Ann", role: "admin", kind: "bot", username: "root", user_id: users.owner.id, tenant_id: randomUUID(), scope: "admin" };
    const { data } = await server.rest().ok("POST", "/auth/exchange", { token: sign(site.key, claims(site.slug, claimed)) });
    const user = await site.admin("GET", `/users/${data.user.id}`);
    assert.notEqual(user.id, users.owner.id);
    assert.notEqual(user.username, "root");
    assert.equal(user.kind, "host");
    const rest = server.rest({ token: data.token });
    assert.equal((await rest.request("GET", `/rooms/${made["room"]}`)).status, 403);
    assert.equal((await server.rest({ token: data.token }).request("GET", "/admin/tenants")).status, 401);
  });

  after(async () => assert.equal(await snapshot(), before, "nothing has changed"));
});
