// Presence, typing, read marks, pauses.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoff } from "../src/backoff.js";
import { Presence } from "../src/presence.js";
import { randomId } from "../src/random-id.js";
import { ReadMark } from "../src/read-mark.js";
import { TypingNotice, TypingUsers } from "../src/typing.js";
import { ANN, BEN } from "./examples.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const entry = (id: string, ...refs: string[]) => ({
  metas: refs.map((ref) => ({ phx_ref: ref, user_id: id, username: id })),
});
const ids = (presence: Presence) => presence.info.users.map(({ id }) => id);

describe("presence", () => {
  it("counts devices, and tells who has left", () => {
    const presence = new Presence();
    presence.summary({ level: "exact", count: 1 });
    presence.state({ ann: entry("ann", "1") });
    expect(presence.info).toBe(presence.info);
    expect(presence.diff({ joins: { ann: entry("ann", "2"), ben: entry("ben", "3") }, level: "exact", count: 2 })).toEqual([]);
    expect(presence.diff({ joins: {}, leaves: { ann: entry("ann", "1") }, level: "exact", count: 2 })).toEqual([]);
    expect(ids(presence)).toEqual(["ann", "ben"]);
    expect(presence.diff({ leaves: { ann: entry("ann", "2") }, level: "exact", count: 1 })).toEqual(["ann"]);
    expect(presence.info).toMatchObject({ level: "exact", count: 1 });
    presence.summary(undefined);
    expect(presence.info).toEqual({ level: "off", count: 0, users: [] });
  });

  it("shows some of many", () => {
    const presence = new Presence();
    presence.summary({ level: "sampled", count: 5000 });
    presence.state({ ann: entry("ann", "1") });
    expect(presence.info).toMatchObject({ level: "sampled", count: 5000, users: [{ id: "ann" }] });
  });

  it("survives keys and values that are traps", () => {
    const presence = new Presence();
    const trap = JSON.parse('{"__proto__": {"metas": [{"phx_ref": "1", "user_id": "p", "username": "p"}]}}');
    presence.state(trap);
    presence.diff({ joins: { constructor: entry("c", "2"), toString: entry("t", "3") }, level: "exact", count: 3 });
    expect(ids(presence)).toEqual(["p", "c", "t"]);
    expect(presence.diff({ leaves: trap, level: "exact", count: 2 })).toEqual(["__proto__"]);
    for (const value of [null, 7, [], { a: null }, { a: { metas: 7 } }, { a: { metas: [null, {}] } }]) {
      presence.state(value);
      presence.diff({ joins: value, leaves: value, level: value, count: value });
      expect(ids(presence)).toEqual([]);
    }
  });
});

describe("typing", () => {
  it("ends by itself", () => {
    const changed = vi.fn();
    const typing = new TypingUsers(changed);
    typing.started(ANN);
    vi.advanceTimersByTime(3000);
    typing.started(BEN);
    typing.started(BEN);
    expect(typing.users).toEqual([ANN, BEN]);
    vi.advanceTimersByTime(3000);
    expect(typing.users).toEqual([BEN]);
    vi.advanceTimersByTime(3000);
    expect(typing.users).toEqual([]);
    expect(changed).toHaveBeenCalledTimes(4);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is told once in three seconds, and its end only when it was told", () => {
    const told: string[] = [];
    const notice = new TypingNotice((event) => told.push(event));
    notice.stop();
    for (let key = 0; key < 100; key += 1) {
      notice.start();
      vi.advanceTimersByTime(100);
    }
    expect(told).toEqual(["typing", "typing", "typing", "typing"]);
    notice.stop();
    notice.stop();
    notice.start();
    notice.sent();
    notice.stop();
    expect(told.slice(4)).toEqual(["stop_typing", "typing"]);
  });
});

describe("a read mark", () => {
  it("goes forward, and is told once in two seconds", () => {
    const told: number[] = [];
    const mark = new ReadMark((seq) => told.push(seq));
    expect([1, 2, 2, 1, 5].map((seq) => mark.advance(seq))).toEqual([true, true, false, false, true]);
    vi.advanceTimersByTime(0);
    expect(told).toEqual([5]);
    mark.advance(6);
    mark.advance(7);
    vi.advanceTimersByTime(1999);
    expect(told).toEqual([5]);
    vi.advanceTimersByTime(1);
    expect(told).toEqual([5, 7]);
    mark.seq = 3;
    expect(mark.advance(4)).toBe(true);
    mark.clear();
    vi.advanceTimersByTime(5000);
    expect(told).toEqual([5, 7]);
  });

  it("can be told at any time, if there is one", () => {
    const told: number[] = [];
    const mark = new ReadMark((seq) => told.push(seq));
    mark.flush();
    mark.advance(1);
    mark.flush();
    expect(told).toEqual([1]);
  });
});

describe("pauses between attempts", () => {
  it("are random, from half a second to a bound that doubles up to half a minute", () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7, 20].map((failures) => backoff(failures, 1));
    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(backoff(20, 0)).toBe(500);
    expect(backoff(3, 0.5)).toBe(2250);
  });
});

it("ids are random, and as the server takes them", () => {
  const made = new Set(Array.from({ length: 100 }, randomId));
  expect(made.size).toBe(100);
  for (const id of made) expect(id).toMatch(/^[!-~]{8,64}$/);
});
