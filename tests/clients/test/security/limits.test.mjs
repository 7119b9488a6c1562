// @ts-check
// So much and no more: per user over all transports, per address whatever headers say, per socket, per tenant.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { eventually } from "../../support/wait.mjs";
import { handshake, openWire } from "../../support/wire.mjs";
import { send } from "./support/http.mjs";
import { REMOTE, target } from "./support/target.mjs";

const server = await target({ "socket.channels_max": "100" });
after(() => server.close());

/** Headers that claim to know who asks. */
const FORGED = (/** @type {number} */ number) => ({
  "x-forwarded-for": `203.0.113.${number % 250}`,
  "x-real-ip": `203.0.113.${number % 250}`,
  forwarded: `for=203.0.113.${number % 250}`,
  "true-client-ip": `203.0.113.${number % 250}`,
  "cf-connecting-ip": `203.0.113.${number % 250}`,
  "x-client-ip": `203.0.113.${number % 250}`,
});

describe("limits", { concurrency: 2 }, () => {
  it("two sockets and REST of one user share ten messages in five seconds", async (t) => {
    const site = await server.site({ limits: { messages_per_user: "10/5s" } });
    const user = await site.user("ann");
    const room = await user.rest.room();
    const topic = `room:${room.id}`;
    const wires = await Promise.all([openWire(t, user), openWire(t, user)]);
    for (const wire of wires) await wire.join(topic);
    const started = performance.now();
    const sent = [
      ...wires.flatMap((wire) =>
        Array.from({ length: 10 }, async (_, number) => {
          const ref = `m${number}`;
          wire.json(["1", ref, topic, "new_message", { content: "x" }]);
          const [, , , , { status, response }] = await wire.reply(ref);
          if (status === "error") {
            assert.equal(response.reason, "rate_limited");
            assert.equal(response.limit, "messages_per_user");
            assert.ok(response.retry_after_ms > 0 && response.retry_after_ms <= 5000);
          }
          return status === "ok";
        }),
      ),
      ...Array.from({ length: 10 }, async () => {
        const answer = await user.rest.request("POST", `/rooms/${room.id}/messages`, { content: "x" });
        if (answer.status === 429) {
          assert.equal(answer.body.error, "rate limited");
          assert.equal(answer.body.limit, "messages_per_user");
          assert.ok(answer.body.retry_after_ms > 0);
          assert.ok(Number(answer.headers.get("retry-after")) >= 1);
        }
        return answer.status === 201;
      }),
    ];
    const accepted = (await Promise.all(sent)).filter(Boolean).length;
    // One is regained each half second.
    const regained = Math.floor((performance.now() - started) / 500);
    assert.ok(accepted >= 9 && accepted <= 11 + regained, `${accepted} of 30`);
    assert.equal((await user.rest.messages(room.id, "?limit=100")).length, accepted, "what was refused is not stored");
    const other = await site.user("bob");
    await other.rest.send(room.id, "others are not concerned");
  });

  it("one tenant's limit is not another's", async () => {
    const [busy, calm] = [await server.site({ limits: { messages_per_tenant: "3/10m" } }), await server.site()];
    const [ann, bob] = [await busy.user("ann"), await calm.user("bob")];
    const rooms = [await ann.rest.room(), await bob.rest.room()];
    for (let number = 0; number < 3; number += 1) await ann.rest.send(rooms[0].id, "x");
    const refused = await ann.rest.request("POST", `/rooms/${rooms[0].id}/messages`, { content: "x" });
    assert.deepEqual([refused.status, refused.body.limit], [429, "messages_per_tenant"]);
    for (let number = 0; number < 6; number += 1) await bob.rest.send(rooms[1].id, "x");
  });

  it("requests are counted, and say what is left", async () => {
    const site = await server.site({ limits: { requests_per_user: "5/10m" } });
    const user = await site.user("ann");
    const answers = [];
    for (let number = 0; number < 7; number += 1) answers.push(await user.rest.request("GET", "/auth/me"));
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200, 200, 429, 429]);
    const passed = answers.slice(0, 5).map(({ headers }) => headers);
    assert.deepEqual(passed.map((headers) => headers.get("ratelimit-remaining")), ["4", "3", "2", "1", "0"]);
    assert.ok(passed.every((headers) => headers.get("ratelimit-limit") === "5"));
    assert.ok(Number(answers[6]?.headers.get("retry-after")) > 0);
    assert.equal(answers[6]?.body.limit, "requests_per_user");
    // Asking with bad tokens in between changes nothing.
    await server.rest({ token: "bad" }).request("GET", "/auth/me");
    assert.equal((await user.rest.request("GET", "/rooms")).status, 429);
  });

  it("a trial tells what would be refused, and refuses nothing", async () => {
    const site = await server.site({ limits: { dry_run: true, messages_per_user: "2/10m" } });
    const user = await site.user("ann");
    const room = await user.rest.room();
    for (let number = 0; number < 5; number += 1) await user.rest.send(room.id, "x");
    const usage = await eventually(async () => {
      const data = await site.admin("GET", "/usage");
      return JSON.stringify(data).includes("messages_per_user") ? data : undefined;
    }, "the refusals are counted");
    assert.match(JSON.stringify(usage), /messages_per_user[^}]*3/);
  });

  it("headers about other addresses change nothing", { skip: REMOTE && "its proxies are not known" }, async () => {
    const site = await server.site({ limits: { logins_per_address: "5/10m", connections_per_address_max: 4 } });
    const from = "127.0.2.1";
    const statuses = [];
    for (let number = 0; number < 20; number += 1) {
      const { status } = await send(`${server.url}/api/v1/auth/login`, {
        method: "POST",
        headers: { "x-tenant": site.slug, ...FORGED(number) },
        body: { username: `nobody-${number}`, password: "some password" },
        from,
      });
      statuses.push(status);
    }
    assert.equal(statuses.filter((status) => status === 401).length, 5, String(statuses));
    assert.equal(statuses.filter((status) => status === 429).length, 15, String(statuses));
    // Who is said to be somebody else is not made to pay for it.
    const victim = await send(`${server.url}/api/v1/auth/login`, {
      method: "POST",
      headers: { "x-tenant": site.slug },
      body: { username: "nobody", password: "some password" },
      from: "127.0.2.2",
    });
    assert.equal(victim.status, 401);
    const user = await site.user("ann");
    const query = `token=${user.token}&vsn=2.0.0`;
    const opened = await Promise.all(
      Array.from({ length: 8 }, (_, number) => handshake(server, { query, headers: FORGED(number), from: "127.0.2.3" })),
    );
    for (const { wire } of opened) wire?.drop();
    assert.deepEqual(opened.map(({ status }) => status).sort(), [101, 101, 101, 101, 429, 429, 429, 429]);
    // Nor does the audit log believe them.
    await send(`${server.url}/api/v1/admin/tenants/${site.slug}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${server.operatorToken}`, ...FORGED(1) },
      body: { name: "Renamed" },
      from: "127.0.2.4",
    });
    const [row] = await site.admin("GET", "/audit?limit=1");
    assert.equal(row.address, "127.0.2.4");
  });

  it("a proxy that is configured is believed, up to the first address that is not one", { skip: REMOTE && "its proxies are not known" }, async () => {
    const own = await target({ "server.trusted_proxies": "127.0.4.0/24" });
    try {
      const site = await own.site({ limits: { logins_per_address: "1/10m" } });
      const login = async (/** @type {string} */ from, /** @type {string | string[]} */ forwarded) => {
        const { status } = await send(`${own.url}/api/v1/auth/login`, {
          method: "POST",
          headers: { "x-tenant": site.slug, "x-forwarded-for": forwarded },
          body: { username: "nobody", password: "some password" },
          from,
        });
        return status;
      };
      const proxy = "127.0.4.1";
      // What the client says of itself stands on the left of what the proxies saw.
      assert.equal(await login(proxy, "203.0.113.1"), 401);
      assert.equal(await login(proxy, "198.51.100.9, 203.0.113.1"), 429);
      assert.equal(await login(proxy, "198.51.100.9, 203.0.113.1, 127.0.4.7"), 429);
      assert.equal(await login(proxy, ["198.51.100.9", "203.0.113.1"]), 429);
      assert.equal(await login(proxy, "203.0.113.2"), 401);
      // Who is no proxy is believed nothing, whatever they say they come from.
      assert.equal(await login("127.0.5.1", "203.0.113.3"), 401);
      assert.equal(await login("127.0.5.1", "203.0.113.4"), 429);
      // What is no address ends the list: the nearest that is one counts.
      assert.equal(await login("127.0.4.2", "203.0.113.5, nonsense"), 401);
      assert.equal(await login("127.0.4.2", "203.0.113.6, nonsense"), 429);
    } finally {
      await own.close();
    }
  });

  /** @type {[string, object, number, number][]} */
  const caps = [
    ["a tenant", { connections_per_tenant_max: 20 }, 20, 15],
    ["a user", { connections_per_user_max: 5 }, 5, 10],
    ["an address", { connections_per_address_max: 8 }, 8, 10],
  ];
  for (const [whose, limits, allowed, surplus] of caps) {
    it(`of the sockets of ${whose} exactly the surplus is refused`, async (t) => {
      const site = await server.site({ limits });
      const user = await site.user("ann");
      const elsewhere = await (await server.site()).user("bob");
      const query = `token=${user.token}&vsn=2.0.0`;
      // Loopback addresses of this test's own, so that other tests' sockets are not counted with these.
      const from = server.isLocal ? "127.0.3.1" : undefined;
      const answers = await Promise.all(
        Array.from({ length: allowed + surplus }, () => handshake(server, { query, from })),
      );
      const open = answers.flatMap(({ wire }) => wire ?? []);
      t.after(() => open.forEach((wire) => wire.drop()));
      assert.equal(open.length, allowed);
      assert.equal(answers.filter(({ status }) => status === 429).length, surplus);
      // Who is in stays in, and other tenants are not concerned.
      for (const wire of open) await wire.ping();
      const spared = await openWire(t, elsewhere, { from });
      await spared.ping();
      // A place that is left is free again.
      open.pop()?.drop();
      await eventually(async () => {
        const { wire } = await handshake(server, { query, from });
        if (wire) open.push(wire);
        return wire;
      }, "the place is free again");
    });
  }

  it("a socket has room for a hundred channels, and a join of the same topic replaces the first", async (t) => {
    const site = await server.site();
    const user = await site.user("ann");
    const rooms = await Promise.all(Array.from({ length: 51 }, () => user.rest.room()));
    // A room has two names, each a topic of its own.
    const topics = rooms.flatMap(({ id, slug }) => [`room:${id}`, `room:${slug}`]);
    const wire = await openWire(t, user);
    for (const [index, topic] of topics.slice(0, 100).entries()) await wire.join(topic, `j${index}`);
    wire.json(["over", "over", String(topics[100]), "phx_join", {}]);
    const over = (await wire.reply("over"))[4];
    assert.deepEqual(over, { status: "error", response: { reason: "too many channels joined" } });
    // Joined again and again, a topic stays one channel.
    for (let number = 0; number < 300; number += 1) await wire.join(String(topics[0]), `again${number}`);
    wire.json(["over2", "over2", String(topics[100]), "phx_join", {}]);
    assert.equal((await wire.reply("over2"))[4].response.reason, "too many channels joined");
    wire.json(["j1", "leave", String(topics[1]), "phx_leave", {}]);
    await wire.reply("leave");
    await wire.join(String(topics[100]), "free");
  });

  it("joins come at a rate, and who does not listen is closed", async (t) => {
    const site = await server.site({ limits: { joins_per_user: "10/10m", refusals_per_socket: "20/10m" } });
    const user = await site.user("ann");
    const room = await user.rest.room();
    const wires = await Promise.all([openWire(t, user), openWire(t, user)]);
    const results = [];
    for (const wire of wires) {
      for (let number = 0; number < 10; number += 1) {
        wire.json([`j${number}`, `j${number}`, `room:${room.id}`, "phx_join", {}]);
        results.push((await wire.reply(`j${number}`))[4]);
      }
    }
    assert.equal(results.filter(({ status }) => status === "ok").length, 10);
    for (const { response } of results.slice(10)) {
      assert.deepEqual([response.reason, response.limit], ["rate_limited", "joins_per_user"]);
    }
    const [, stubborn] = wires;
    assert.ok(stubborn);
    for (let number = 10; number < 60; number += 1) {
      stubborn.json([`j${number}`, `j${number}`, `room:${room.id}`, "phx_join", {}]);
    }
    assert.equal(await stubborn.closeCode(), 4429);
  });

  it("what grows has an end: rooms, members, characters", async () => {
    // Three rooms are there from the beginning.
    const site = await server.site({ limits: { rooms_max: 5, members_per_room_max: 2 } });
    const [ann, bob, carl] = [await site.user("ann"), await site.user("bob"), await site.user("carl")];
    const room = await ann.rest.room();
    const made = [];
    for (let number = 0; number < 6; number += 1) {
      made.push((await ann.rest.request("POST", "/rooms", { name: `Room ${number}` })).status);
    }
    assert.deepEqual(made, [201, 409, 409, 409, 409, 409]);
    await bob.rest.ok("POST", `/rooms/${room.id}/join`);
    const full = await carl.rest.request("POST", `/rooms/${room.id}/join`);
    assert.equal(full.status, 409, full.text);
    await site.admin("PATCH", "", { settings: { message_chars_max: 10 } });
    const long = await ann.rest.request("POST", `/rooms/${room.id}/messages`, { content: "x".repeat(11) });
    assert.equal(long.status, 422);
    await ann.rest.send(room.id, "x".repeat(10));
  });
});
