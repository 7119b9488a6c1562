// @ts-check
// Whatever administrators do or try is one row of a log that nobody can alter, on one line.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, describe, it } from "node:test";
import { operations } from "./support/description.mjs";
import { target } from "./support/target.mjs";

const server = await target();
after(() => server.close());

/** Changes of a tenant, in an order in which each has something to change, with their bodies. @type {[string, string, object?][]} */
const CHANGES = [
  ["PATCH", "", { name: "Renamed" }],
  ["PUT", "/limits", { messages_per_user: "5/1s" }],
  ["POST", "/keys", { algorithm: "HS256", kid: "second" }],
  ["POST", "/keys/second/rotation"],
  ["DELETE", "/keys/second"],
  ["POST", "/api_keys", { name: "backend", scopes: ["users:read"] }],
  ["DELETE", "/api_keys/{apiKey}"],
  ["POST", "/admins", { name: "boss" }],
  ["DELETE", "/admins/{admin}"],
  ["PATCH", "/users/{user}", { name: "Somebody else" }],
  ["PUT", "/users/{user}/suspension"],
  ["DELETE", "/users/{user}/suspension"],
  ["DELETE", "/users/{user}/tokens"],
  ["DELETE", "/rooms/{room}"],
  ["DELETE", "/users/{user}"],
  ["PUT", "/suspension"],
  ["DELETE", "/suspension"],
];

/** @param {import("./support/target.mjs").Site} site */
const rows = async (site) => /** @type {any[]} */ (await site.admin("GET", "/audit?limit=100"));

/**
 * The rows of refusals about a path.
 *
 * @param {string} path
 */
async function refusals(path) {
  const { data } = await server.operator.ok("GET", "/admin/audit?limit=100");
  return /** @type {any[]} */ (data).filter(({ outcome, target }) => outcome === "refused" && target === path);
}

describe("the audit log", { concurrency: true }, () => {
  it("has one row of each change, and one of each that was refused", async () => {
    const site = await server.site();
    const user = await site.user("ann");
    const room = await user.rest.room();
    const [apiKey, admin] = await Promise.all([site.apiKey(["users:read"]), site.tenantAdmin()]);
    const ids = { user: user.id, room: room.id, apiKey: apiKey.id, admin: admin.id };
    for (const [method, pattern, body] of CHANGES) {
      const path = pattern.replace(/\{(\w+)\}/g, (_, kind) => ids[/** @type {keyof typeof ids} */ (kind)]);
      const full = `/admin/tenants/${site.slug}${path}`;
      const before = await rows(site);
      // Nobody, and somebody whose right ends elsewhere.
      for (const rest of [server.rest({ token: "nobody" }), user.rest, apiKey.rest]) {
        assert.equal((await rest.request(method, full, body)).status, 401, full);
      }
      await site.admin(method, path, body);
      const [done, third, second, first, ...others] = await rows(site);
      assert.deepEqual(others, before, `${method} ${full} is one row, and each refusal one`);
      for (const refused of [first, second, third]) {
        assert.deepEqual([refused.outcome, refused.target, refused.action], ["refused", `/api/v1${full}`, done.action]);
      }
      assert.deepEqual([done.outcome, done.actor_kind, done.tenant], ["ok", "operator", site.slug], full);
      assert.match(done.action, /^[a-z_]+\.[a-z_]+$/);
      assert.ok(done.request_id && done.address && done.at && done.hash);
    }
  });

  it("has what an administrator may not do", async () => {
    const [site, other] = await Promise.all([server.site(), server.site()]);
    const { rest, id } = await site.tenantAdmin();
    /** @type {[string, string, object | undefined, number][]} */
    const attempts = [
      ["DELETE", `/admin/tenants/${site.slug}`, { confirm: site.slug }, 404],
      ["PUT", `/admin/tenants/${site.slug}/suspension`, undefined, 404],
      ["PATCH", `/admin/tenants/${other.slug}`, { name: "Taken over" }, 404],
      ["PATCH", `/admin/tenants/${site.slug}`, { slug: "other" }, 422],
      ["DELETE", `/admin/tenants/${site.slug}/keys/nobody`, undefined, 404],
    ];
    for (const [method, path, body, status] of attempts) {
      const before = await refusals(`/api/v1${path}`);
      assert.equal((await rest.request(method, path, body)).status, status, path);
      const [row, ...others] = await refusals(`/api/v1${path}`);
      assert.deepEqual(others, before, path);
      assert.deepEqual([row.actor_kind, row.actor_id, row.tenant], ["tenant_admin", id, site.slug]);
    }
  });

  it("has what a backend's key may not do", async () => {
    const site = await server.site();
    const { rest, id } = await site.apiKey(["users:read"]);
    const refused = await rest.request("POST", "/server/rooms", { name: "New" });
    assert.deepEqual([refused.status, refused.body.error], [403, "this key may not do this"]);
    const [row] = await rows(site);
    assert.deepEqual([row.outcome, row.actor_kind, row.actor_id], ["refused", "api_key", id]);
  });

  it("has no route that alters it", async () => {
    const altering = (await operations(server.url)).filter(({ method, path }) => path.endsWith("/audit") && method !== "GET");
    assert.deepEqual(altering, []);
    const site = await server.site();
    const [row] = await rows(site);
    for (const method of ["DELETE", "PUT", "PATCH", "POST"]) {
      for (const path of [`/admin/tenants/${site.slug}/audit`, `/admin/tenants/${site.slug}/audit/${row.seq}`, "/admin/audit"]) {
        const { status } = await server.operator.request(method, path, {});
        assert.ok([404, 405].includes(status), `${method} ${path}: ${status}`);
      }
    }
    assert.deepEqual((await rows(site)).find(({ seq }) => seq === row.seq), row);
  });

  it("outlives what it is about", async () => {
    const site = await server.site();
    await site.delete();
    const { data } = await server.operator.ok("GET", "/admin/audit?limit=100");
    const actions = data.filter((/** @type {any} */ row) => row.tenant === site.slug).map((/** @type {any} */ row) => row.action);
    assert.ok(actions.includes("tenant.create") && actions.includes("tenant.delete"), String(actions));
  });

  it("cannot be forged by names with line breaks", async () => {
    const site = await server.site();
    const mark = randomBytes(6).toString("hex");
    const forged = `x\n{"action":"tenant.delete","mark":"${mark}"}\r\n2026-11-22T00:00:00Z  INFO ${mark}`;
    const answers = await Promise.all([
      server.operator.request("PATCH", `/admin/tenants/${site.slug}`, { name: forged }),
      server.operator.request("POST", `/admin/tenants/${site.slug}/api_keys`, { name: forged, scopes: ["users:read"] }),
      server.operator.request("POST", `/admin/tenants/${site.slug}/keys`, { algorithm: "HS256", kid: forged }),
      server.operator.request("GET", `/admin/tenants/${encodeURIComponent(forged)}`),
    ]);
    for (const { status } of answers) assert.ok(status >= 200 && status < 500);
    const { text } = await server.operator.request("GET", `/admin/tenants/${site.slug}/audit?limit=100`);
    assert.ok(!/[\n\r]/.test(text), "a row is on one line");
    const lines = server.server?.log.split("\n").filter((line) => line.includes(mark)) ?? [];
    for (const line of lines) assert.ok(!line.startsWith("{") && !line.startsWith("2026-11-22T00:00:00Z"), line);
  });

  it("shows no secret", async () => {
    const site = await server.site();
    const [key, apiKey, admin] = await Promise.all([site.newKey(), site.apiKey(["users:read"]), site.tenantAdmin()]);
    const { text } = await server.operator.request("GET", `/admin/tenants/${site.slug}/audit?limit=100`);
    for (const secret of [key.material, site.key.material, apiKey.secret, admin.secret, server.operatorToken]) {
      assert.ok(!text.includes(String(secret)));
    }
  });

  it("is for the operator, and for a tenant's administrators as far as it is about theirs", async () => {
    const [site, other] = await Promise.all([server.site(), server.site()]);
    const { rest } = await site.tenantAdmin();
    const { data } = await rest.ok("GET", `/admin/tenants/${site.slug}/audit?limit=100`);
    assert.ok(data.length > 0 && data.every((/** @type {any} */ row) => row.tenant === site.slug));
    assert.equal((await rest.request("GET", `/admin/tenants/${other.slug}/audit`)).status, 404);
    assert.equal((await rest.request("GET", "/admin/audit")).status, 404);
    const user = await site.user("ann");
    assert.equal((await user.rest.request("GET", `/admin/tenants/${site.slug}/audit`)).status, 401);
  });
});
