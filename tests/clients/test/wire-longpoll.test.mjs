// @ts-check
// The long poll, request by request.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import * as longpoll from "../support/longpoll.mjs";
import { Session } from "../support/longpoll.mjs";
import { startServer } from "../support/server.mjs";
import { openWire } from "../support/wire.mjs";

const WINDOW_MS = 1500;
const server = await startServer({
  "socket.longpoll_window": `${WINDOW_MS}ms`,
  "socket.longpoll_body_bytes_max": "100000",
});
after(() => server.stop());
const [ann, bob] = await Promise.all([server.user("ann"), server.user("bob")]);

const NDJSON = { "content-type": "application/x-ndjson" };
const HEARTBEAT = '[null,"1","phoenix","heartbeat",{}]';

const address = `${server.url}/chat/socket/longpoll`;

/**
 * @param {string} query
 * @param {RequestInit} [init]
 */
const request = (query, init) => longpoll.request(server, query, init);

describe("long poll: sessions", { concurrency: true }, () => {
  it("a session from beginning to end", async () => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const session = await Session.open(ann);
    assert.deepEqual(await session.post(JSON.stringify(["1", "1", topic, "phx_join", {}])), { status: 200 });
    const polled = await session.poll();
    assert.equal(polled.status, 200);
    assert.equal(polled.token, session.token);
    const reply = JSON.parse(polled.messages?.[0] ?? "null");
    assert.deepEqual(reply.slice(0, 4), ["1", "1", topic, "phx_reply"]);
    const begun = Date.now();
    let quiet = await session.poll();
    while (quiet.status === 200) quiet = await session.poll();
    assert.deepEqual(quiet, { status: 204, token: session.token, messages: [] });
    assert.ok(Date.now() - begun >= WINDOW_MS - 50, "an empty answer comes at the end of the window");
    await session.post(JSON.stringify(["1", "2", topic, "phx_leave", {}]));
    assert.equal((await session.reply("2"))[4].status, "ok");
    await session.next(([joinRef, ref, , event]) => joinRef === "1" && ref === "1" && event === "phx_close");
  });

  it("a waiting poll is answered as soon as there is something", async () => {
    const room = await ann.rest.room();
    const session = await Session.open(bob);
    await session.join(`room:${room.id}`);
    const begun = Date.now();
    const told = session.next(([, , , event]) => event === "new_message");
    await ann.rest.send(room.id, "news");
    assert.equal((await told)[4].content, "news");
    assert.ok(Date.now() - begun < WINDOW_MS, "not only when the window ends");
  });

  it("what comes between two polls is kept, in order", async () => {
    const room = await ann.rest.room();
    const session = await Session.open(bob);
    await session.join(`room:${room.id}`);
    for (const content of ["1", "2", "3"]) await ann.rest.send(room.id, content);
    const { messages = [] } = await session.poll();
    const contents = messages.map((text) => JSON.parse(text)).filter(([, , , event]) => event === "new_message");
    assert.deepEqual(
      contents.map(([, , , , { content }]) => content),
      ["1", "2", "3"],
    );
  });

  it("a history of any length waits for the next poll", async () => {
    const room = await ann.rest.room({ name: "Wordy" });
    for (let number = 1; number <= 50; number += 1) await ann.rest.send(room.id, "👋".repeat(2000));
    const session = await Session.open(bob);
    const topic = `room:${room.id}`;
    assert.deepEqual(await session.post(JSON.stringify(["1", "1", topic, "phx_join", {}])), { status: 200 });
    await pause(200);
    const polled = await session.poll();
    assert.equal(polled.status, 200);
    const messages = (polled.messages ?? []).map((text) => JSON.parse(text));
    const history = messages.find(([, , , event]) => event === "message_history");
    assert.equal(history[4].messages.length, 50);
  });

  it("of two polls the newer one is woken, and the older one ends empty", async () => {
    const room = await ann.rest.room();
    const session = await Session.open(bob);
    await session.join(`room:${room.id}`);
    while ((await session.poll()).status === 200);
    const older = session.poll();
    await pause(100);
    const newer = session.poll();
    await pause(50);
    await ann.rest.send(room.id, "for one of them");
    const [first, second] = await Promise.all([older, newer]);
    assert.equal(first.status, 204);
    assert.equal(second.status, 200);
    assert.match(second.messages?.[0] ?? "", /for one of them/);
  });

  it("a session that is not polled ends, whatever it posts, and its presence leaves", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const watcher = await openWire(t, ann);
    await watcher.join(topic);
    const session = await Session.open(bob);
    await session.join(topic);
    await watcher.next(([, , , event, payload]) => event === "presence_diff" && bob.id in payload.joins);
    const begun = Date.now();
    let over = false;
    const left = watcher.next(([, , , event, payload]) => event === "presence_diff" && bob.id in payload.leaves);
    void left.then(() => (over = true));
    let status = 200;
    while (!over && Date.now() - begun < 6 * WINDOW_MS) {
      ({ status } = await session.post(JSON.stringify([null, "9", "phoenix", "heartbeat", {}])));
      await pause(50);
    }
    await left;
    const lasted = Date.now() - begun;
    assert.ok(lasted >= 1.5 * WINDOW_MS - 100 && lasted <= 3 * WINDOW_MS + 2000, `it lasted ${lasted} ms`);
    assert.ok(status === 200 || status === 410);
    assert.deepEqual(await session.post("[]"), { status: 410 });
    const again = await session.poll();
    assert.equal(again.status, 410, "the poll of a session that is gone makes a new one");
    assert.notEqual(again.token, session.token);
  });

  it("logging out ends it", async () => {
    const carol = await server.user("carol");
    const session = await Session.open(carol);
    await session.join("room:general");
    await carol.rest.ok("DELETE", "/auth/logout");
    let polled = await session.poll();
    while (polled.status === 200 || polled.status === 204) polled = await session.poll();
    assert.deepEqual(polled, { status: 403 });
    assert.deepEqual(await session.post("[]"), { status: 410 });
  });
});

describe("long poll: who may", { concurrency: true }, () => {
  it("is told in the body", async () => {
    assert.deepEqual(await request("token=bad&vsn=2.0.0&"), { status: 403 });
    assert.deepEqual(await request("vsn=2.0.0"), { status: 403 });
    assert.deepEqual(await request(""), { status: 403 });
    assert.deepEqual(await request(`token=${ann.token}&vsn=3.0.0`), { status: 403 });
  });

  it("a post without a session is told that it has none", async () => {
    const post = { method: "POST", body: "[]" };
    assert.deepEqual(await request(`token=${ann.token}&vsn=2.0.0&token=bogus`, post), { status: 410 });
    assert.deepEqual(await request(`token=${ann.token}&vsn=2.0.0`, post), { status: 410 });
    assert.deepEqual(await request("", post), { status: 410 });
  });

  it("a dead session token beside the user's makes a new session", async () => {
    const { token } = await Session.open(ann);
    const dead = `${token}x`;
    const polled = await request(`token=${ann.token}&vsn=2.0.0&token=${dead}`);
    assert.equal(polled.status, 410);
    assert.ok(polled.token && polled.token !== dead);
  });

  it("the session's token in its own header wins over the query", async () => {
    const session = await Session.open(ann);
    const headers = { ...NDJSON, "x-phoenix-longpoll-token": session.token };
    const query = `token=${ann.token}&vsn=2.0.0`;
    assert.deepEqual(await request(query, { method: "POST", headers, body: HEARTBEAT }), { status: 200 });
    const polled = await request(query, { headers });
    assert.deepEqual([polled.status, polled.token], [200, session.token]);
    const bogus = { method: "POST", headers: { "x-phoenix-longpoll-token": "bogus" }, body: "[]" };
    assert.deepEqual(await request(session.query, bogus), { status: 410 });
  });

  it("the user's token in its own header", async () => {
    const headers = { "x-phoenix-authtoken": ann.token };
    const polled = await request("vsn=2.0.0", { headers });
    assert.equal(polled.status, 410);
    const query = `vsn=2.0.0&token=${polled.token}`;
    assert.deepEqual(await request(query, { method: "POST", body: HEARTBEAT }), { status: 200 });
    assert.equal((await request(query, { headers })).status, 200);
    assert.deepEqual(await request("vsn=2.0.0", { headers: { "x-phoenix-authtoken": "bad" } }), { status: 403 });
  });

  it("the user's token and vsn count once only, when the session is made", async () => {
    const session = await Session.open(ann);
    const query = `token=bad&vsn=9.9.9&token=${session.token}`;
    assert.deepEqual(await request(query, { method: "POST", headers: NDJSON, body: HEARTBEAT }), { status: 200 });
    assert.equal((await request(query)).status, 200);
  });

  it("methods that are none of its own", async () => {
    const { query } = await Session.open(ann);
    for (const method of ["PUT", "DELETE", "PATCH", "HEAD"]) {
      const response = await fetch(`${address}?${query}`, { method });
      assert.equal(response.status, 400, method);
    }
  });

  it("a preflight may do all that clients need", async () => {
    const response = await fetch(`${address}?vsn=2.0.0`, {
      method: "OPTIONS",
      headers: {
        origin: "https://site.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-phoenix-authtoken",
      },
    });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "");
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    assert.equal(response.headers.get("access-control-allow-headers"), "content-type,x-phoenix-authtoken");
    assert.equal(response.headers.get("access-control-allow-methods"), "get, post, options");
    assert.equal(response.headers.get("access-control-max-age"), "600");
    assert.equal(response.headers.get("access-control-allow-credentials"), null);
  });
});

describe("long poll: bodies", { concurrency: true }, () => {
  const heartbeat = (/** @type {string} */ ref) => `[null,"${ref}","phoenix","heartbeat",{}]`;

  for (const [what, separator] of /** @type {[string, string][]} */ ([
    ["line feeds", "\n"],
    ["carriage returns and line feeds", "\r\n"],
  ])) {
    it(`lines end with ${what}, the last one too`, async () => {
      const session = await Session.open(ann);
      const lines = ["1", "2", "3"].map(heartbeat).join(separator);
      assert.deepEqual(await session.post(`${lines}${separator}${separator}`), { status: 200 });
      for (const ref of ["1", "2", "3"]) await session.reply(ref);
    });
  }

  it("a hundred lines at once", async () => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const session = await Session.open(ann);
    await session.join(topic);
    const lines = Array.from({ length: 100 }, (_, index) =>
      JSON.stringify(["1", `m${index}`, topic, "new_message", { content: `message ${index}` }]),
    );
    assert.deepEqual(await session.post(lines.join("\n")), { status: 200 });
    await session.reply("m99");
    const stored = await ann.rest.messages(room.id, "?limit=100");
    assert.deepEqual(
      stored.map(({ content }) => content),
      lines.map((_, index) => `message ${index}`),
    );
  });

  it("a line that is no text frame is a binary one in base64", async () => {
    const session = await Session.open(ann);
    const frame = Buffer.from("00000107093170686f656e6978686561727462656174", "hex").toString("base64");
    assert.deepEqual(await session.post(frame), { status: 200 });
    assert.deepEqual(await session.reply("1"), [null, "1", "phoenix", "phx_reply", { status: "ok", response: {} }]);
  });

  it("any other content type is one frame; so is version 1", async () => {
    const { token } = await request(`token=${ann.token}`);
    const query = `token=${ann.token}&token=${token}`;
    const body = '{"topic":"phoenix",\n"event":"heartbeat",\n"payload":{},"ref":"1"}';
    const post = { method: "POST", headers: { "content-type": "application/json" }, body };
    assert.deepEqual(await request(query, post), { status: 200 });
    const { messages = [] } = await request(query);
    assert.equal(messages.length, 1);
    assert.deepEqual(JSON.parse(String(messages[0])), {
      topic: "phoenix",
      event: "phx_reply",
      ref: "1",
      payload: { status: "ok", response: {} },
    });
  });

  it("an error reply comes with the poll, the post is fine", async () => {
    const session = await Session.open(ann);
    assert.deepEqual(await session.post('["1","1","nope:1","phx_join",{}]'), { status: 200 });
    assert.deepEqual((await session.reply("1"))[4], { status: "error", response: { reason: "unmatched topic" } });
  });

  for (const [what, line] of /** @type {[string, string][]} */ ([
    ["text", '["1","2"'],
    ["base64", "!!!"],
    ["a binary frame", Buffer.from([9, 9]).toString("base64")],
  ])) {
    it(`${what} that cannot be read ends the session, and says so`, async () => {
      const session = await Session.open(ann);
      const { status } = await session.post(line);
      assert.ok(status >= 400 && status < 500, String(status));
      assert.equal((await session.post(heartbeat("1"))).status, 410);
    });
  }

  it("a body over the limit is a bad request", async () => {
    const { query } = await Session.open(ann);
    const response = await fetch(`${address}?${query}`, {
      method: "POST",
      headers: NDJSON,
      body: `${heartbeat("1")}\n`.repeat(4000),
    });
    assert.equal(response.status, 400);
  });
});
