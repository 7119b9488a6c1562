// @ts-check
// Who somebody is, and becomes: by a signature, for a while, and never by saying so.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, describe, it } from "node:test";
import { handshake, openWire } from "../../support/wire.mjs";
import { target } from "./support/target.mjs";
import { claims, now, sign } from "./support/tokens.mjs";

const server = await target();
after(() => server.close());
const GUESTS = { settings: { settings: { guests: true, guest_claims: true } } };

/**
 * A guest of a site.
 *
 * @param {import("./support/target.mjs").Site} site
 * @param {object} [body]
 */
async function guest(site, body = {}) {
  const { data } = await server.rest({ tenant: site.slug }).ok("POST", "/auth/guest", body);
  return { ...data, rest: server.rest({ token: data.token }) };
}

describe("identity", { concurrency: 4 }, () => {
  it("what is signed becomes the user, in the order it was signed in", async () => {
    const site = await server.site();
    const sub = randomUUID();
    const shown = async (/** @type {object} */ others) => {
      const { data } = await server.rest({ token: site.token({ sub, ...others }) }).ok("GET", "/auth/me");
      return data;
    };
    const iat = now();
    const first = await shown({ iat: iat - 20, name: "Ann", avatar_url: "https://cdn.example/ann.png" });
    assert.deepEqual([first.name, first.kind, first.avatar_url], ["Ann", "host", "https://cdn.example/ann.png"]);
    const later = await shown({ iat: iat - 10, name: "Ann Miller" });
    assert.deepEqual([later.id, later.name], [first.id, "Ann Miller"]);
    // One that was signed before, shown again, sets nothing back.
    assert.equal((await shown({ iat: iat - 20, name: "Ann" })).name, "Ann Miller");
    assert.equal((await shown({ iat: iat - 15, name: "Anna" })).name, "Ann Miller");
  });

  it("rooms come with a token once, and never past a ban", async () => {
    const site = await server.site();
    const owner = await site.user("owner");
    const room = await owner.rest.room({ name: "Club", kind: "private" });
    const sub = randomUUID();
    const token = (/** @type {string} */ role, /** @type {number} */ ago) =>
      site.token({ sub, iat: now() - ago, rooms: [{ room: room.id, role }] });
    const as = (/** @type {string} */ signed) => server.rest({ token: signed });
    const first = token("moderator", 20);
    const role = async () => (await as(first).request("GET", `/rooms/${room.id}`)).body.data?.role;
    assert.equal(await role(), "moderator");
    const { data: user } = await as(first).ok("GET", "/auth/me");
    await owner.rest.ok("PATCH", `/rooms/${room.id}/members/${user.id}`, { role: "reader" });
    assert.equal(await role(), "reader", "the same token does not set it back");
    await as(token("member", 10)).ok("GET", "/auth/me");
    assert.equal(await role(), "member", "a newer one does");
    await owner.rest.ok("PUT", `/rooms/${room.id}/bans/${user.id}`);
    const banned = await as(token("owner", 5)).request("GET", `/rooms/${room.id}`);
    assert.equal(banned.status, 403);
    // Nor does a token give anything in another tenant's rooms.
    const elsewhere = await (await server.site()).user("bob");
    const theirs = await elsewhere.rest.room({ name: "Theirs", kind: "private" });
    const stranger = site.token({ rooms: [{ room: theirs.id, role: "owner" }] });
    assert.equal((await as(stranger).request("GET", `/rooms/${theirs.id}`)).status, 404);
    assert.equal((await elsewhere.rest.ok("GET", `/rooms/${theirs.id}`)).data.member_count, 1);
  });

  it("nothing that is not signed becomes identity", async () => {
    const site = await server.site(GUESTS);
    const known = await site.user("ann");
    for (const [name, body] of /** @type {[string, object][]} */ ([
      ["guest", { name: "Ann", external_id: known.sub }],
      ["guest", { name: "Ann", user_id: known.id }],
      ["register", { username: "ann-2", password: "some password", external_id: known.sub }],
      ["exchange", { token: known.signed, name: "Somebody else" }],
    ])) {
      const answer = await server.rest({ tenant: site.slug }).request("POST", `/auth/${name}`, body);
      assert.equal(answer.status, 422, answer.text);
    }
    // A user of the site has no password, whatever is tried.
    const login = { username: known.username, password: "" };
    for (const password of ["", "null", "undefined", known.sub, "correct horse battery staple"]) {
      const answer = await server.rest({ tenant: site.slug }).request("POST", "/auth/login", { ...login, password });
      assert.equal(answer.status, 401, answer.text);
    }
    const change = { current_password: "correct horse", new_password: "correct horse 2" };
    assert.ok([401, 403, 404, 422].includes((await known.rest.request("PUT", "/auth/password", change)).status));
  });

  it("guests are there where the tenant wants them, and are claimed once, by a signed identity only", async (t) => {
    const [site, other, closed] = await Promise.all([server.site(GUESTS), server.site(GUESTS), server.site()]);
    const refused = await server.rest({ tenant: closed.slug }).request("POST", "/auth/guest", {});
    assert.deepEqual([refused.status, refused.body.error], [403, "guests are not allowed"]);

    const visitor = await guest(site, { name: "Visitor" });
    assert.match(visitor.guest_key, /^gk_[\w-]{43}$/);
    const room = await (await site.user("owner")).rest.room();
    const said = await visitor.rest.send(room.id, "from a guest");
    const again = await guest(site, { guest_key: visitor.guest_key });
    assert.equal(again.user.id, visitor.user.id);
    for (const key of ["gk_nobody", "", visitor.token, `${visitor.guest_key}x`]) {
      const { status } = await server.rest({ tenant: site.slug }).request("POST", "/auth/guest", { guest_key: key });
      assert.equal(status, 401, key);
    }
    const elsewhere = await server.rest({ tenant: other.slug }).request("POST", "/auth/guest", { guest_key: visitor.guest_key });
    assert.equal(elsewhere.status, 401);

    // Those nobody vouches for, and those of another site, claim nobody.
    const claim = { guest_key: visitor.guest_key };
    const [account, rival, stranger] = [await site.account("ann"), await guest(site), await other.user("mallory")];
    for (const rest of [account.rest, rival.rest]) {
      assert.equal((await rest.request("POST", "/auth/claim", claim)).status, 403);
    }
    assert.equal((await stranger.rest.request("POST", "/auth/claim", claim)).status, 404);
    assert.equal((await server.rest({ tenant: site.slug }).request("POST", "/auth/claim", claim)).status, 401);

    const wire = await openWire(t, { token: visitor.token, server });
    const user = await site.user("ann");
    const { data } = await user.rest.ok("POST", "/auth/claim", claim);
    assert.deepEqual([data.guest_id, data.messages], [visitor.user.id, 1]);
    assert.equal(await wire.closeCode(), 4401);
    assert.equal((await user.rest.messages(room.id)).find(({ id }) => id === said.id).user.id, user.id);
    assert.equal((await visitor.rest.request("GET", "/auth/me")).status, 401);
    const back = await server.rest({ tenant: site.slug }).request("POST", "/auth/guest", claim);
    assert.equal(back.status, 401);
    const twice = await (await site.user("bob")).rest.request("POST", "/auth/claim", claim);
    assert.equal(twice.status, 404);
    const log = JSON.stringify(await site.admin("GET", "/audit"));
    assert.ok(log.includes("guest.claim") && !log.includes(visitor.guest_key));
  });

  it("two who claim one guest at once do not both get what was the guest's", async () => {
    const site = await server.site(GUESTS);
    const visitor = await guest(site);
    const users = await Promise.all(Array.from({ length: 6 }, (_, number) => site.user(`user-${number}`)));
    const body = { guest_key: visitor.guest_key };
    const answers = await Promise.all(users.map(({ rest }) => rest.request("POST", "/auth/claim", body)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 404, 404, 404, 404, 404]);
  });

  it("guests come at a rate, and see those they share a room with", async () => {
    const site = await server.site({ ...GUESTS, limits: { guests_per_address: "3/10m" } });
    const ann = await site.user("ann");
    const visitor = await guest(site);
    assert.equal((await visitor.rest.request("GET", `/users/${ann.id}`)).status, 404);
    const { data: listed } = await visitor.rest.ok("GET", "/users");
    assert.ok(listed.every((/** @type {any} */ { id }) => id !== ann.id));
    const statuses = [];
    for (let number = 0; number < 5; number += 1) {
      statuses.push((await server.rest({ tenant: site.slug }).request("POST", "/auth/guest", {})).status);
    }
    assert.deepEqual(statuses, [200, 200, 429, 429, 429]);
    // Guests make no rooms unless everybody may.
    assert.equal((await visitor.rest.request("POST", "/rooms", { name: "Mine" })).status, 403);
  });

  it("a socket is told before its token ends, lives on with a new one, and is closed without", async (t) => {
    const site = await server.site();
    const user = await site.user("ann");
    const other = await site.user("bob");
    const short = () => sign(site.key, claims(site.slug, { sub: user.sub, iat: now(), exp: now() + 6 }));
    const token = short();
    const [renewed, left] = await Promise.all([openWire(t, { token, server }), openWire(t, { token, server })]);
    const topic = `user:${user.id}`;
    for (const wire of [renewed, left]) {
      wire.json(["1", "1", topic, "phx_join", {}]);
      assert.equal((await wire.reply("1"))[4].status, "ok");
    }
    const [, , , , told] = await renewed.next(([, , , event]) => event === "token_expiring");
    assert.ok(Date.parse(told.expires_at) > Date.now());
    // Somebody else's, another tenant's, a bad one: the socket stays who it is.
    const elsewhere = await (await server.site()).user("ann", { sub: user.sub });
    for (const [ref, wrong] of Object.entries({ b: other.token, c: elsewhere.token, d: "bad", e: `${token}x` })) {
      renewed.json(["1", ref, topic, "token_refresh", { token: wrong }]);
      assert.deepEqual((await renewed.reply(ref))[4], { status: "error", response: { reason: "unauthorized" } });
    }
    renewed.json(["1", "f", topic, "token_refresh", { token: user.token }]);
    assert.equal((await renewed.reply("f"))[4].status, "ok");
    assert.equal(await left.closeCode(15_000), 4401);
    await renewed.ping();
    assert.equal((await handshake(server, { query: `token=${token}&vsn=2.0.0` })).status, 403);
    // What ends the new token ends the socket.
    await user.rest.ok("DELETE", "/auth/logout");
    assert.equal(await renewed.closeCode(), 1001);
  });
});
