// @ts-check
// Guessing passwords, by name and by time, and hashing as a burden.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { handshake } from "../../support/wire.mjs";
import { send } from "./support/http.mjs";
import { mannWhitney, median } from "./support/statistics.mjs";
import { REMOTE, target } from "./support/target.mjs";

const GUESSES = 1000;
const STORM = 200;
/** Pairs of sign-ins that are timed; each costs two hashes. */
const PAIRS = 20;
/** Rounds of timing before a difference is believed: chance alone shows one in a hundred. */
const ROUNDS = 3;
/** Differences below this, in milliseconds, are nobody's to measure over a network. */
const INDISTINGUISHABLE_MS = 5;
const ORDER = /** @type {const} */ ([0, 1]);
const REVERSED = /** @type {const} */ ([1, 0]);

const server = await target({ "auth.hash_concurrency": "2" });
after(() => server.close());

/**
 * An attempt to sign in.
 *
 * @param {string} tenant
 * @param {string} username
 * @param {string} password
 * @param {string} [from] the address to come from
 */
function login(tenant, username, password, from) {
  const headers = { "x-tenant": tenant };
  return send(`${server.url}/api/v1/auth/login`, { method: "POST", headers, body: { username, password }, from });
}

/** @param {import("./support/http.mjs").Received[]} answers */
function byStatus(answers) {
  /** @type {Record<number, number>} */
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe("passwords", () => {
  it("of 1,000 guesses at most ten are looked at, and the owner still gets in", async () => {
    const site = await server.site({ limits: { logins_per_account: "10/1m" } });
    const victim = await site.account("victim");
    const answers = await Promise.all(
      Array.from({ length: GUESSES }, (_, number) => login(site.slug, victim.username, `guess number ${number}`)),
    );
    const counts = byStatus(answers);
    assert.deepEqual(Object.keys(counts).filter((status) => !["401", "429", "503"].includes(status)), []);
    assert.ok((counts[401] ?? 0) <= 11, JSON.stringify(counts));
    assert.ok((counts[429] ?? 0) >= GUESSES - 100, JSON.stringify(counts));
    const refused = answers.find(({ status }) => status === 429);
    assert.ok(Number(refused?.headers["retry-after"]) >= 1);
    // From where the guesses came not even the right password is looked at.
    assert.equal((await login(site.slug, victim.username, victim.password)).status, 429);
    if (server.isLocal) {
      assert.equal((await login(site.slug, victim.username, victim.password, "127.0.0.7")).status, 200);
    }
  });

  it("one password for many accounts is a guess of the address", { skip: REMOTE }, async () => {
    const site = await server.site({ limits: { logins_per_address: "10/1m" } });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, number) => login(site.slug, `somebody-${number}`, "correct horse", "127.0.0.9")),
    );
    assert.ok((byStatus(answers)[401] ?? 0) <= 11, JSON.stringify(byStatus(answers)));
  });

  it("a crowd of addresses that guesses one password is held back as well", { skip: REMOTE }, async () => {
    const site = await server.site({ limits: { logins_per_account_anywhere: "15/1m" } });
    const victim = await site.account("victim");
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, number) =>
        login(site.slug, victim.username, "wrong wrong wrong", `127.0.1.${number + 1}`),
      ),
    );
    assert.ok((byStatus(answers)[401] ?? 0) <= 16, JSON.stringify(byStatus(answers)));
  });

  it("nothing of a password or its hash is ever shown", async () => {
    const site = await server.site();
    const user = await site.account("ann");
    const shown = await Promise.all([
      user.rest.request("GET", "/auth/me"),
      user.rest.request("GET", "/users"),
      user.rest.request("GET", `/users/${user.id}`),
      server.operator.request("GET", `/admin/tenants/${site.slug}/users`),
      server.operator.request("GET", `/admin/tenants/${site.slug}/users/${user.id}`),
      server.operator.request("GET", `/admin/tenants/${site.slug}/audit`),
    ]);
    for (const { status, text } of shown) {
      assert.equal(status, 200, text);
      assert.doesNotMatch(text, /pbkdf2|password|\$[0-9a-z]+\$|600000/i);
    }
  });

  it("passwords of any length cost nothing before they are hashed", async () => {
    const site = await server.site();
    const long = await login(site.slug, "somebody", "x".repeat(60_000));
    assert.ok([401, 422].includes(long.status), long.text);
    assert.ok(long.ms < 1000, `${long.ms} ms`);
    const huge = await handshake(server, {
      path: "/api/v1/auth/login",
      method: "POST",
      upgrade: false,
      headers: { "content-type": "application/json", "x-tenant": site.slug },
      payload: JSON.stringify({ username: "somebody", password: "x".repeat(1_000_000) }),
    });
    assert.equal(huge.status, 413);
  });

  it("who signs in, and whether they exist, cannot be told by words or by time", async () => {
    const site = await server.site();
    const [known, suspended, host] = [await site.account("known"), await site.account("gone"), await site.user("host")];
    await site.admin("PUT", `/users/${suspended.id}/suspension`);
    /** @type {Record<string, () => ReturnType<typeof login>>} */
    const attempts = {
      "wrong password": () => login(site.slug, known.username, "not the password"),
      "unknown name": () => login(site.slug, "nobody-of-this-name", "not the password"),
      "suspended user": () => login(site.slug, suspended.username, "not the password"),
      "user of the site": () => login(site.slug, host.username, "not the password"),
    };
    const [usual, ...others] = Object.entries(attempts);
    assert.ok(usual);
    for (const [name, attempt] of others) {
      await assertAlike(name, usual[1], attempt);
    }
    // Nor does the right password tell that somebody is suspended.
    const right = await login(site.slug, suspended.username, suspended.password);
    assert.deepEqual([right.status, right.text], [401, '{"error":"invalid username or password"}']);
  });

  it("a storm of sign-ins leaves the server at work", async () => {
    const site = await server.site();
    const user = await site.account("ann");
    const room = await user.rest.room();
    const storm = Promise.all(Array.from({ length: STORM }, () => login(site.slug, user.username, "not the password")));
    let over = false;
    storm.finally(() => (over = true));
    /** @type {number[]} */
    const health = [];
    /** @type {number[]} */
    const chat = [];
    while (!over) {
      health.push((await send(`${server.url}/health/live`)).ms);
      const headers = { authorization: `Bearer ${user.token}` };
      const said = await send(`${server.url}/api/v1/rooms/${room.id}/messages`, { method: "POST", headers, body: { content: "x" } });
      assert.equal(said.status, 201);
      chat.push(said.ms);
    }
    const counts = byStatus(await storm);
    assert.deepEqual(Object.keys(counts).filter((status) => !["401", "429", "503"].includes(status)), []);
    assert.ok((counts[503] ?? 0) > 0, `a queue that is full says so: ${JSON.stringify(counts)}`);
    assert.ok(median(health) < 100, `the median of /health/live is ${median(health)} ms`);
    assert.ok(median(chat) < 500, `the median of sending is ${median(chat)} ms`);
  });
});

/**
 * Asserts that two kinds of attempts are answered alike, also in time. They take turns, so whatever else the machine
 * does slows both; a difference has to show in every round to count.
 *
 * @param {string} name
 * @param {() => ReturnType<typeof login>} one
 * @param {() => ReturnType<typeof login>} other
 */
async function assertAlike(name, one, other) {
  let seen = "";
  for (let round = 0; round < ROUNDS; round += 1) {
    /** @type {[number[], number[]]} */
    const times = [[], []];
    for (let pair = 0; pair < PAIRS; pair += 1) {
      // Which of the two is first changes, for what comes second meets warm caches.
      for (const kind of pair % 2 ? ORDER : REVERSED) {
        const { status, text, ms } = await (kind === 0 ? one : other)();
        assert.deepEqual([status, text], [401, '{"error":"invalid username or password"}'], name);
        times[kind].push(ms);
      }
    }
    const [usual, others] = [median(times[0]), median(times[1])];
    const p = mannWhitney(...times);
    if (p > 0.01 || Math.abs(usual - others) < INDISTINGUISHABLE_MS) return;
    seen = `${name}: ${others.toFixed(1)} ms in place of ${usual.toFixed(1)} ms, p = ${p.toFixed(5)}`;
  }
  assert.fail(seen);
}
