// Messages that wait to be sent, without a network.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatError } from "../src/error.js";
import type { QueuedMessage, QueueStorage } from "../src/options.js";
import { Outbox, type Sender } from "../src/outbox.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const message = (clientId: string, roomId = "room"): QueuedMessage => ({
  clientId,
  roomId,
  content: clientId,
  replyTo: null,
  threadRoot: null,
  alsoInRoom: false,
  attachments: [],
  insertedAt: "2026-11-22T06:06:12Z",
});

/** A room that delivers as it is told. */
class Room implements Sender {
  ready = true;
  answers: (ChatError | undefined)[] = [];
  readonly delivered: string[] = [];
  readonly log: string[] = [];

  async deliver({ clientId }: QueuedMessage): Promise<void> {
    this.delivered.push(clientId);
    const refusal = this.answers.shift();
    if (refusal) throw refusal;
  }
  settled(clientId: string, refusal?: ChatError): void {
    this.log.push(refusal ? `failed ${clientId}: ${refusal.code}` : `sent ${clientId}`);
  }
  postponed({ code }: ChatError): void {
    this.log.push(`postponed: ${code}`);
  }
  restored(messages: readonly QueuedMessage[]): void {
    for (const { clientId } of messages) this.log.push(`restored ${clientId}`);
  }
}

/** A storage that has one message, and takes its time to say so. */
const slowStorage = (ms: number): QueueStorage => ({
  load: () => new Promise((resolve) => setTimeout(() => resolve([message("kept")]), ms)),
  add: async () => {},
  remove: async () => {},
});

const settle = () => vi.advanceTimersByTimeAsync(0);

describe("an outbox", () => {
  it("delivers one by one, in order", async () => {
    const [outbox, room] = [new Outbox(50, undefined), new Room()];
    outbox.attach("room", room);
    for (const id of ["a", "b", "c"]) outbox.add(message(id));
    expect(room.delivered).toEqual(["a"]);
    await settle();
    expect(room.log).toEqual(["sent a", "sent b", "sent c"]);
  });

  it("lets nobody pass who waits as the server asked", async () => {
    const [outbox, room] = [new Outbox(50, undefined), new Room()];
    outbox.attach("room", room);
    room.answers = [new ChatError("rate_limited", undefined, { retryAfterMs: 700 })];
    outbox.add(message("a"));
    outbox.add(message("b"));
    await vi.advanceTimersByTimeAsync(699);
    expect(room.delivered).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(room.delivered).toEqual(["a", "a", "b"]);
    expect(room.log).toEqual(["postponed: rate_limited", "sent a", "sent b"]);
  });

  it("tries again what may work later, and gives up what will not", async () => {
    const [outbox, room] = [new Outbox(50, undefined), new Room()];
    outbox.attach("room", room);
    room.answers = [new ChatError("unavailable"), new ChatError("timeout"), undefined, new ChatError("muted")];
    for (const id of ["a", "b", "c"]) outbox.add(message(id));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(room.delivered).toEqual(["a", "a", "a", "b", "c"]);
    expect(room.log).toEqual(["sent a", "failed b: muted", "sent c"]);
  });

  it("waits for a connection, and goes on where it was", async () => {
    const [outbox, room] = [new Outbox(50, undefined), new Room()];
    outbox.attach("room", room);
    room.ready = false;
    outbox.add(message("a"));
    outbox.add(message("b"));
    await vi.advanceTimersByTimeAsync(100_000);
    expect(room.delivered).toEqual([]);
    room.ready = true;
    room.answers = [new ChatError("offline")];
    room.deliver = new Proxy(room.deliver, {
      apply: (deliver, _this, args: [QueuedMessage]) => {
        room.ready = room.delivered.length > 0;
        return deliver.apply(room, args);
      },
    });
    outbox.wake("room");
    await settle();
    expect(room.delivered).toEqual(["a"]);
    room.ready = true;
    outbox.wake("room");
    await settle();
    expect(room.log).toEqual(["sent a", "sent b"]);
  });

  it("is bounded over all rooms", () => {
    const outbox = new Outbox(3, undefined);
    expect([message("a"), message("b", "other"), message("c")].map((item) => outbox.add(item))).toEqual([true, true, true]);
    expect(outbox.add(message("d", "third"))).toBe(false);
    outbox.remove("a");
    expect(outbox.add(message("d", "third"))).toBe(true);
    expect(outbox.waiting("room")).toEqual([message("c")]);
  });

  it("forgets what is another user's, even on its way", async () => {
    const [outbox, room] = [new Outbox(50, undefined), new Room()];
    outbox.attach("room", room);
    outbox.add(message("a"));
    outbox.add(message("b"));
    outbox.clear();
    await settle();
    expect(room.delivered).toEqual(["a"]);
  });

  it("takes up what another life of the page left, once", async () => {
    const kept = new Map([["ann", [message("a"), message("b")]]]);
    const storage: QueueStorage = {
      load: async (owner) => kept.get(owner) ?? [],
      add: async (owner, item) => void kept.set(owner, [...(kept.get(owner) ?? []), item]),
      remove: async (owner, id) => void kept.set(owner, (kept.get(owner) ?? []).filter(({ clientId }) => clientId !== id)),
    };
    const [outbox, room] = [new Outbox(50, storage), new Room()];
    await outbox.restore("ann");
    outbox.add(message("c"));
    expect(kept.get("ann")).toHaveLength(3);
    room.ready = false;
    outbox.attach("room", room);
    await outbox.restore("ann");
    expect(room.log).toEqual(["restored a", "restored b", "restored c"]);
    room.ready = true;
    outbox.wake("room");
    await settle();
    expect(room.delivered).toEqual(["a", "b", "c"]);
    expect(kept.get("ann")).toEqual([]);
    await outbox.restore(null);
    outbox.add(message("d"));
    expect(kept.get("ann")).toEqual([]);
  });

  it("sends nothing before what was kept is read, and that first", async () => {
    const [outbox, room] = [new Outbox(50, slowStorage(800)), new Room()];
    outbox.attach("room", room);
    const restored = outbox.restore("ann");
    outbox.add(message("new"));
    outbox.wake("room");
    await vi.advanceTimersByTimeAsync(799);
    expect(room.delivered).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await restored;
    expect(room.delivered).toEqual(["kept", "new"]);
    // All that waits is told anew, in the order in which it is sent.
    expect(room.log).toEqual(["restored kept", "restored new", "sent kept", "sent new"]);
  });

  it("does not wait for a storage for long", async () => {
    const [outbox, room] = [new Outbox(50, slowStorage(60_000)), new Room()];
    outbox.attach("room", room);
    void outbox.restore("ann");
    outbox.add(message("new"));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(room.delivered).toEqual(["new"]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(room.delivered).toEqual(["new", "kept"]);
  });

  it("does not wait for the storage of somebody who has gone", async () => {
    const [outbox, room] = [new Outbox(50, slowStorage(1_000)), new Room()];
    outbox.attach("room", room);
    void outbox.restore("ann");
    void outbox.restore(null);
    outbox.add(message("new"));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(room.delivered).toEqual(["new"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does without a storage that does not work", async () => {
    const broken = async () => Promise.reject(new Error("no space"));
    const [outbox, room] = [new Outbox(50, { load: broken, add: broken, remove: broken }), new Room()];
    outbox.attach("room", room);
    await outbox.restore("ann");
    outbox.add(message("a"));
    await settle();
    expect(room.log).toEqual(["sent a"]);
  });
});
