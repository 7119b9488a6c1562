// Messages of a room, in whatever order they become known.
import { beforeEach, describe, expect, it } from "vitest";
import { ChatError } from "../src/error.js";
import type { UserRef } from "../src/model.js";
import { Timeline } from "../src/timeline.js";
import { ANN, BEN, message } from "./examples.js";

let me: UserRef | null;
let arrived: string[];
let timeline: Timeline;

beforeEach(() => {
  me = ANN;
  arrived = [];
  const host = {
    get me() {
      return me;
    },
    timelineMax: 100,
    url: "https://chat.example/",
  };
  timeline = new Timeline(host, (clientId) => arrived.push(clientId));
});

const seqs = () => timeline.list(null).map(({ seq }) => seq);
const queued = (clientId: string, others: object = {}) => ({
  clientId,
  roomId: "room",
  content: "mine",
  replyTo: null,
  threadRoot: null,
  alsoInRoom: false,
  attachments: [],
  insertedAt: "2026-11-22T06:06:12Z",
  ...others,
});

describe("the main history", () => {
  it("is in order, each message once, as it was told last", () => {
    timeline.tellPage(null, [message(3), message(5)], true, 5);
    expect(timeline.tell(message(7), 7)).toBe(true);
    expect(timeline.tell(message(6), 7)).toBe(true);
    expect(timeline.tell(message(7, { changed_seq: 9, content: "edited" }), 9)).toBe(false);
    expect(timeline.tell(message(7, { changed_seq: 8, content: "older" }), 9)).toBe(false);
    expect(seqs()).toEqual([3, 5, 6, 7]);
    expect(timeline.get("m7")).toMatchObject({ content: "edited", changedSeq: 9 });
  });

  it("does not take what is older than its pages", () => {
    timeline.tellPage(null, [message(3), message(5)], true, 5);
    expect(timeline.tell(message(1, { changed_seq: 6 }), 6)).toBe(false);
    expect(seqs()).toEqual([3, 5]);
    expect(timeline.get("m1")).toBeNull();
    timeline.tellPage(null, [message(1, { changed_seq: 6 }), message(2)], false, 6);
    expect(seqs()).toEqual([1, 2, 3, 5]);
    expect(timeline.hasMore(null)).toBe(false);
  });

  it("changes an object for each change, and leaves the others", () => {
    timeline.tellPage(null, [message(1), message(2)], false, 2);
    const [one, two] = timeline.list(null);
    timeline.tell(message(2, { changed_seq: 3, content: "edited" }), 3);
    const [first, second] = timeline.list(null);
    expect(first).toBe(one);
    expect(second).not.toBe(two);
  });

  it("drops the oldest when many come, but none that were asked for", () => {
    timeline.tellPage(null, [message(101)], true, 101);
    timeline.tellPage(null, Array.from({ length: 50 }, (_, index) => message(51 + index)), true, 101);
    for (let seq = 102; seq <= 300; seq += 1) timeline.tell(message(seq), seq);
    expect(timeline.list(null).length).toBeGreaterThanOrEqual(150);
    expect(timeline.list(null).length).toBeLessThanOrEqual(200);
    expect(timeline.hasMore(null)).toBe(true);
    expect(seqs().at(-1)).toBe(300);
    expect(seqs()).toEqual(Array.from({ length: seqs().length }, (_, index) => seqs()[0]! + index));
    expect(timeline.get("m51")).toBeNull();
  });
});

describe("what is being sent", () => {
  it("is behind the others until it arrives, under the same key", () => {
    timeline.tellPage(null, [message(1)], false, 1);
    timeline.send(queued("a"));
    timeline.send(queued("b"));
    timeline.tell(message(2), 2);
    expect(timeline.list(null).map(({ key }) => key)).toEqual(["m1", "m2", "a", "b"]);
    timeline.tell(message(3, { client_id: "a", user: ANN }), 3);
    expect(arrived).toEqual(["a"]);
    expect(timeline.list(null).map(({ key, state }) => [key, state])).toEqual([
      ["m1", "sent"],
      ["m2", "sent"],
      ["a", "sent"],
      ["b", "pending"],
    ]);
    timeline.discard("a");
    expect(timeline.list(null)).toHaveLength(4);
    timeline.tell(message(3, { client_id: "a", user: ANN, changed_seq: 9 }), 9);
    expect(timeline.list(null)[2]).toMatchObject({ key: "a", changedSeq: 9, own: true });
  });

  it("is not mistaken for a message of somebody else with the same client id", () => {
    timeline.send(queued("a"));
    timeline.tell(message(1, { client_id: "a" }), 1);
    expect(timeline.list(null).map(({ key, state }) => [key, state])).toEqual([["m1", "sent"], ["a", "pending"]]);
    expect(arrived).toEqual([]);
  });

  it("stays through a new start, and goes with the user", () => {
    timeline.tellPage(null, [message(1)], false, 1);
    timeline.send(queued("a"));
    timeline.fail("a", new ChatError("muted"));
    expect(timeline.failed("a")).toEqual(queued("a"));
    timeline.clear();
    expect(timeline.list(null)).toMatchObject([{ key: "a", state: "failed" }]);
    me = BEN;
    timeline.changeUser(BEN, true);
    expect(timeline.list(null)).toMatchObject([{ key: "a", user: BEN }]);
    timeline.changeUser(ANN, false);
    expect(timeline.list(null)).toEqual([]);
  });
});

describe("threads", () => {
  const thread = (replies: number) => ({ root_id: "m1", reply_count: replies, last_reply_at: `2026-11-22T0${replies}` });
  const reply = (seq: number, replies: number, others: object = {}) =>
    message(seq, { thread_root: "m1", in_room: false, thread: thread(replies), ...others });

  it("are told on their root by their replies, the newest word counting", () => {
    timeline.tellPage(null, [message(1)], false, 1);
    timeline.tell(reply(2, 1), 2);
    timeline.tell(reply(3, 2), 3);
    expect(timeline.get("m1")?.thread).toMatchObject({ replyCount: 2 });
    // A page that was read before the second reply.
    timeline.tellPage(null, [message(1, { thread: thread(1) })], false, 2);
    expect(timeline.get("m1")?.thread).toMatchObject({ replyCount: 2 });
    expect(seqs()).toEqual([1]);
    expect(timeline.get("m2")).toBeNull();
  });

  it("are kept while they are open, what comes before their page too", () => {
    timeline.tellPage(null, [message(1)], false, 1);
    timeline.openThread("m1");
    timeline.tell(reply(4, 3), 4);
    timeline.tellPage("m1", [reply(2, 2), reply(3, 2)], false, 3);
    timeline.tell(reply(5, 4, { in_room: true }), 5);
    expect(timeline.list("m1").map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
    expect(seqs()).toEqual([1, 5]);
    timeline.closeThread("m1");
    expect(timeline.get("m3")).toBeNull();
    expect(timeline.get("m5")).not.toBeNull();
  });

  it("keep a root that is older than the room's pages", () => {
    timeline.tellPage(null, [message(7)], true, 7);
    timeline.openThread("m1");
    timeline.tell(message(1), 7);
    expect(timeline.get("m1")).not.toBeNull();
    expect(seqs()).toEqual([7]);
    timeline.closeThread("m1");
    expect(timeline.get("m1")).toBeNull();
  });
});

describe("quotes and reactions", () => {
  const quote = { id: "m1", user: BEN, excerpt: "text 1", deleted: false };

  it("follow the message that is quoted", () => {
    timeline.tellPage(null, [message(1), message(2, { reply_to: quote })], false, 2);
    timeline.tell(message(1, { changed_seq: 3, content: `${"🎈".repeat(119)}ab` }), 3);
    expect(timeline.get("m2")?.replyTo?.excerpt).toBe(`${"🎈".repeat(119)}a`);
    timeline.tell(message(1, { changed_seq: 4, content: "", deleted_at: "2026-11-22T07:00:00Z" }), 4);
    expect(timeline.get("m2")?.replyTo).toMatchObject({ excerpt: "", deleted: true });
  });

  it("follow it where it is not shown, too", () => {
    timeline.tellPage(null, [message(5, { reply_to: quote })], true, 5);
    timeline.tell(message(1, { changed_seq: 6, content: "edited" }), 6);
    expect(timeline.get("m5")?.replyTo?.excerpt).toBe("edited");
  });

  it("know the user's own, which events do not tell", () => {
    const many = (me?: boolean) => [{ emoji: "👍", count: 9, users: [BEN], ...(me === undefined ? {} : { me }) }];
    timeline.tellPage(null, [message(1, { reactions: many(true) })], false, 1);
    timeline.tell(message(1, { changed_seq: 2, reactions: many() }), 2);
    expect(timeline.get("m1")?.reactions[0]?.me).toBe(true);
    const change = { user: { id: "ann", username: "ann" }, emoji: "👍" };
    timeline.tell(message(1, { changed_seq: 3, reactions: many() }), 3, { ...change, added: false });
    expect(timeline.get("m1")?.reactions[0]?.me).toBe(false);
    timeline.tell(message(1, { changed_seq: 4, reactions: many() }), 4, { ...change, added: true });
    expect(timeline.get("m1")?.reactions[0]?.me).toBe(true);
    // All who chose it are named: it is known without being told.
    const few = [{ emoji: "👍", count: 1, users: [BEN] }];
    timeline.tell(message(1, { changed_seq: 5, reactions: few }), 5);
    expect(timeline.get("m1")?.reactions[0]?.me).toBe(false);
  });
});
