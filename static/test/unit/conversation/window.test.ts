import { describe, expect, it } from "vitest";
import { rowsOf } from "../../../src/ui/conversation/rows.ts";
import {
  around,
  AT_END,
  earlier,
  from,
  later,
  rangeAt,
  WINDOW_MAX,
  WINDOW_STEP,
  type Position,
} from "../../../src/ui/conversation/window.ts";
import { message } from "./messages.ts";

const list = (count: number): { key: string }[] => Array.from({ length: count }, (_, index) => ({ key: `m${index}` }));

describe("the part of a room that is in the document", () => {
  it("is all of a short room", () => {
    expect(rangeAt(list(0), AT_END)).toEqual({ start: 0, end: 0 });
    expect(rangeAt(list(7), AT_END)).toEqual({ start: 0, end: 7 });
  });

  it("follows the end of a long one", () => {
    expect(rangeAt(list(1000), AT_END)).toEqual({ start: 1000 - WINDOW_MAX, end: 1000 });
    expect(rangeAt(list(1001), AT_END)).toEqual({ start: 1001 - WINDOW_MAX, end: 1001 });
  });

  it("stays where it is when messages come before or after it", () => {
    const messages = list(1000);
    const position = from(messages, 300);
    expect(rangeAt(messages, position)).toEqual({ start: 300, end: 300 + WINDOW_MAX });
    const earlierOnes = [{ key: "x" }, { key: "y" }];
    expect(rangeAt([...earlierOnes, ...messages, { key: "z" }], position)).toEqual({ start: 302, end: 302 + WINDOW_MAX });
  });

  it("is the end when its first message has gone", () => {
    expect(rangeAt(list(10), { follows: false, first: "gone" })).toEqual({ start: 0, end: 10 });
  });

  it("goes back and forth over a whole room, each message in it once at least", () => {
    const messages = list(10_000);
    const seen = new Set<number>();
    let position: Position = AT_END;
    for (let range = rangeAt(messages, position); ; range = rangeAt(messages, position)) {
      for (let index = range.start; index < range.end; index += 1) seen.add(index);
      expect(range.end - range.start).toBe(WINDOW_MAX);
      if (range.start === 0) break;
      position = earlier(messages, range);
    }
    expect(seen.size).toBe(10_000);
    let steps = 0;
    while (!position.follows) {
      const before = rangeAt(messages, position);
      position = later(messages, before);
      expect(rangeAt(messages, position).start).toBeLessThanOrEqual(before.start + WINDOW_STEP);
      steps += 1;
    }
    expect(steps).toBe(Math.ceil((10_000 - WINDOW_MAX) / WINDOW_STEP));
  });

  it("has the message in its middle that it goes to", () => {
    const messages = list(1000);
    expect(rangeAt(messages, around(messages, 500))).toEqual({ start: 500 - WINDOW_MAX / 2, end: 500 + WINDOW_MAX / 2 });
    expect(rangeAt(messages, around(messages, 3)).start).toBe(0);
    expect(around([], 3)).toBe(AT_END);
  });

  it("never has 500 rows, whatever the messages are", () => {
    const DAY_MS = 86_400_000;
    const messages = Array.from({ length: 5000 }, (_, index) =>
      message(index + 1, { insertedAt: new Date(index * DAY_MS).toISOString() }),
    );
    const { start, end } = rangeAt(messages, AT_END);
    expect(rowsOf(messages.slice(start, end), messages[start]?.seq ?? null).length).toBeLessThan(500);
  });
});
