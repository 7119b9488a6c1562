// Connections that break, in every way that they do.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resume } from "../../src/accounts.js";
import { createRoom } from "../../src/directory.js";
import type { ConnectionState, Parlour } from "../../src/index.js";
import { client, eventually, registered, sent, startServer, texts, type Server } from "./support.js";
import { network, watchedSockets } from "./support-network.js";

let server: Server;
beforeAll(async () => {
  server = await startServer({ "limits.messages_per_user": "5/1s" });
});
afterAll(() => server.stop());

/** The states a client goes through from now on. */
function states(chat: Parlour): ConnectionState[] {
  const seen: ConnectionState[] = [];
  chat.on("state", (state) => seen.push(state));
  return seen;
}

describe("a connection that is lost", () => {
  it("in the middle of a conversation: everything is sent once, shown once, in order", async () => {
    const watched = watchedSockets();
    const ann = await registered(server, "ann", { WebSocket: watched.WebSocket });
    const ben = await registered(server, "ben");
    const hers = await createRoom(ann, { name: "Through a restart" });
    const his = await ben.joinRoom(hers.id);
    hers.send("before");
    const before = await sent(his, "before");

    const seen = states(ann);
    await server.halt();
    await eventually(() => ann.state !== "open" && ben.state !== "open", "the loss");
    const pending = ["one", "two", "three"].map((text) => hers.send(text));
    his.send("his own");
    expect(pending.every(({ state }) => state === "pending")).toBe(true);
    await server.start();

    const all = ["before", "his own", "one", "three", "two"];
    for (const room of [hers, his]) {
      await eventually(() => room.messages.filter(({ state }) => state === "sent").length === 5, "all five", 20_000);
      expect(texts(room.messages).toSorted()).toEqual(all);
      const mine = texts(room.messages).filter((text) => ["one", "two", "three"].includes(text));
      expect(mine).toEqual(["one", "two", "three"]);
    }
    expect(texts(hers.messages)).toEqual(texts(his.messages));
    for (const { key } of pending) expect(hers.messages.some((message) => message.key === key)).toBe(true);
    const [, , , , payload] = watched.joins(hers.topic).at(-1)!;
    expect(payload).toMatchObject({ since: { seq: before.seq, epoch: expect.any(String) } });
    expect(seen).toContain("waiting");
    expect(seen.at(-1)).toBe("open");
  }, 40_000);

  it("without a reply: the message is sent again under its id, and is there once", async () => {
    const line = await network(server);
    const ann = await registered(server, "ann", { url: line.url });
    const room = await createRoom(ann, { name: "Cut" });
    for (let round = 0; round < 4; round += 1) {
      room.send(`round ${round}`);
      // The frame is on its way, or is not.
      if (round % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 5 * round));
      line.cut();
      await sent(room, `round ${round}`);
    }
    expect(texts(room.messages)).toEqual(["round 0", "round 1", "round 2", "round 3"]);
    const stored = await server.rest({ token: ann.token ?? "" }).messages(room.id);
    expect(stored.map(({ content }) => content)).toEqual(texts(room.messages));
  }, 30_000);

  it("for long: what was missed is there when it is back, changes too", async () => {
    const line = await network(server);
    const ann = await registered(server, "ann", { url: line.url });
    const room = await createRoom(ann, { name: "Away" });
    room.send("to be edited");
    const { id } = await sent(room, "to be edited");
    line.block();
    await eventually(() => ann.state === "waiting", "the loss");
    const rest = server.rest({ token: ann.token ?? "" });
    await rest.ok("PATCH", `/rooms/${room.id}/messages/${id}`, { content: "edited" });
    await rest.send(room.id, "from elsewhere");
    line.unblock();
    await sent(room, "from elsewhere");
    expect(texts(room.messages)).toEqual(["edited", "from elsewhere"]);
  }, 30_000);

  it("for too long: the room starts over from its newest page", async () => {
    const few = await startServer({ "socket.recovery_limit": "10", "socket.history_limit": "10" });
    try {
      const line = await network(few);
      const ann = await registered(few, "ann", { url: line.url });
      const room = await createRoom(ann, { name: "Far away" });
      room.send("old");
      await sent(room, "old");
      line.block();
      await eventually(() => ann.state === "waiting", "the loss");
      room.send("pending");
      const rest = few.rest({ token: ann.token ?? "" });
      const missed = Array.from({ length: 70 }, (_, index) => `message ${index}`);
      for (const text of missed) await rest.send(room.id, text);
      line.unblock();
      await sent(room, "pending");
      expect(texts(room.messages).at(-1)).toBe("pending");
      expect(texts(room.messages)).not.toContain("old");
      expect(room.hasMore).toBe(true);
      while (room.hasMore) await room.loadEarlier();
      expect(texts(room.messages)).toEqual(["old", ...missed, "pending"]);
    } finally {
      await few.stop();
    }
  }, 30_000);
});

describe("a network that lets no WebSocket through", () => {
  for (const upgrades of ["refuse", "stall", "mute"] as const) {
    it(`and ${upgrades}s it: long polls take its place`, async () => {
      const line = await network(server, upgrades);
      const watched = watchedSockets();
      const ann = await registered(server, "ann", { url: line.url, WebSocket: watched.WebSocket });
      await ann.connect();
      expect(watched.sockets).toHaveLength(1);
      const room = await createRoom(ann, { name: "Polled" });
      room.send("hello");
      await sent(room, "hello");
      // It works again after a loss, too.
      line.cut();
      room.send("again");
      await sent(room, "again");
    }, 40_000);
  }

  it("is not what a server that restarts is taken for", async () => {
    const watched = watchedSockets();
    const ann = await registered(server, "ann", { WebSocket: watched.WebSocket });
    await ann.connect();
    await server.halt();
    await eventually(() => watched.sockets.length > 2, "attempts");
    await server.start();
    await eventually(() => ann.state === "open", "the connection", 20_000);
    expect(watched.sockets.at(-1)?.readyState).toBe(1);
  }, 30_000);

  it("may be known beforehand", async () => {
    const ann = await registered(server, "ann", { transport: "longpoll" });
    const room = await createRoom(ann, { name: "Polled at once" });
    room.send("hello");
    await sent(room, "hello");
  });
});

describe("limits", () => {
  it("make messages wait, and go on in order", async () => {
    const ann = await registered(server, "ann");
    const room = await createRoom(ann, { name: "Busy" });
    const errors: unknown[] = [];
    ann.on("error", (error) => errors.push(error));
    const expected = Array.from({ length: 12 }, (_, index) => `message ${index}`);
    for (const text of expected) room.send(text);
    await sent(room, "message 11");
    expect(texts(room.messages)).toEqual(expected);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0]).toMatchObject({ code: "rate_limited", retryAfterMs: expect.any(Number) });
    const stored = await server.rest({ token: ann.token ?? "" }).messages(room.id);
    expect(stored.map(({ content }) => content)).toEqual(expected);
  }, 20_000);

  it("are fifty messages that wait", async () => {
    const line = await network(server);
    const ann = await registered(server, "ann", { url: line.url });
    const room = await createRoom(ann, { name: "Full" });
    line.block();
    await eventually(() => ann.state === "waiting", "the loss");
    for (let index = 0; index < 50; index += 1) expect(room.send(`message ${index}`).state).toBe("pending");
    expect(room.send("one too many")).toMatchObject({ state: "failed", failure: { code: "queue_full" } });
    room.discard(room.messages[0]!.key);
    room.retry(room.messages.at(-1)!.key);
    expect(room.messages.at(-1)).toMatchObject({ content: "one too many", state: "pending" });
  }, 20_000);
});

describe("an end", () => {
  it("leaves nothing: fifty times over", async () => {
    const rest = await registered(server, "ann");
    const { token } = rest;
    rest.destroy();
    const settled = () => process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap").toSorted();
    const before = settled();
    const cycle = async (turn: number) => {
      const chat = client(server, { signIn: (chat) => resume(chat, token ?? "") });
      const room = await chat.joinRoom("general");
      room.startTyping();
      if (turn % 2 === 0) room.markRead();
      chat.destroy();
      expect(chat).toMatchObject({ state: "closed", me: null, token: null });
      expect(room.closed).toMatchObject({ code: "closed" });
      await expect(chat.connect()).rejects.toMatchObject({ code: "closed" });
    };
    for (let turn = 0; turn < 50; turn += 5) {
      await Promise.all([0, 1, 2, 3, 4].map((offset) => cycle(turn + offset)));
    }
    await eventually(() => settled().length <= before.length, `nothing beside ${before.join()}`, 15_000);
  }, 60_000);

  it("in the middle of everything is quiet", async () => {
    const chat = client(server);
    const joining = chat.joinRoom("general");
    chat.destroy();
    await expect(joining).rejects.toMatchObject({ code: expect.stringMatching(/closed|unauthorized/) });
    const busy = await registered(server, "ben");
    const opening = busy.connect();
    const calls = [busy.getRooms(), busy.joinRoom("general"), opening];
    busy.destroy();
    for (const call of await Promise.allSettled(calls)) expect(call.status).toBe("rejected");
  });
});
