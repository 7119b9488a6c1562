import { afterEach, describe, expect, it } from "vitest";
import { RUN_GAP_MS, rowsOf, sameDay, type Row } from "../../../src/ui/conversation/rows.ts";
import { message } from "./messages.ts";

const ZONE = process.env["TZ"];

afterEach(() => {
  if (ZONE === undefined) delete process.env["TZ"];
  else process.env["TZ"] = ZONE;
});

/** Rows in a line: `|` a day, `!` unread, `(` and `)` around each run. */
function short(rows: readonly Row[]): string {
  return rows
    .map((row) => {
      if (row.type === "day") return "|";
      if (row.type === "unread") return "!";
      return `${row.first ? "(" : ""}${row.message.seq}${row.last ? ")" : ""}`;
    })
    .join(" ");
}

const BEN = { id: "ben", username: "ben" };

function at(seconds: number): string {
  return new Date(Date.parse("2026-03-01T12:00:00Z") + seconds * 1000).toISOString();
}

describe("runs", () => {
  it("are of one author, without long pauses", () => {
    const messages = [
      message(1, { insertedAt: at(0) }),
      message(2, { insertedAt: at(10) }),
      message(3, { insertedAt: at(20), user: BEN }),
      message(4, { insertedAt: at(30) }),
      message(5, { insertedAt: at(30 + RUN_GAP_MS / 1000 - 1) }),
      message(6, { insertedAt: at(30 + RUN_GAP_MS / 500) }),
    ];
    expect(short(rowsOf(messages, null))).toBe("| (1 2) (3) (4 5) (6)");
  });

  it("go on with what waits to be sent", () => {
    const own = { own: true, user: BEN };
    const messages = [message(1, own), message(2, { ...own, id: null, seq: null, key: "pending", state: "pending" })];
    expect(rowsOf(messages, null).map((row) => row.key)).toEqual(["day m1", "m1", "pending"]);
    expect(short(rowsOf(messages, null))).toBe("| (1 null)");
  });

  it("of no messages are no rows", () => {
    expect(rowsOf([], 3)).toEqual([]);
  });
});

describe("unread messages", () => {
  it("begin after the mark, in a new run", () => {
    expect(short(rowsOf([message(1), message(2), message(3)], 2))).toBe("| (1 2) ! (3)");
    expect(short(rowsOf([message(1), message(2), message(3)], 0))).toBe("| ! (1 2 3)");
    expect(short(rowsOf([message(1), message(2), message(3)], 3))).toBe("| (1 2 3)");
  });

  it("are never one's own", () => {
    const messages = [message(1), message(2, { own: true, user: BEN }), message(3)];
    expect(short(rowsOf(messages, 1))).toBe("| (1) (2) ! (3)");
  });
});

describe("days", () => {
  // Four moments in UTC, and between which of them a new day begins in each zone.
  const MOMENTS = ["2026-03-28T22:30:00Z", "2026-03-28T23:30:00Z", "2026-03-29T11:30:00Z", "2026-03-30T00:30:00Z"];

  it.each([
    ["UTC", "| 1 2 | 3 | 4"],
    // The clocks go forward in the night to the 29th, which has 23 hours.
    ["Europe/Berlin", "| 1 | 2 3 | 4"],
    ["America/Los_Angeles", "| 1 2 | 3 4"],
    ["Asia/Kathmandu", "| 1 2 3 | 4"],
    ["Pacific/Kiritimati", "| 1 2 | 3 4"],
    ["Pacific/Pago_Pago", "| 1 2 | 3 4"],
  ])("begin at midnight of %s", (zone, expected) => {
    process.env["TZ"] = zone;
    const messages = MOMENTS.map((insertedAt, index) => message(index + 1, { insertedAt }));
    expect(short(rowsOf(messages, null)).replace(/[()]/g, "")).toBe(expected);
  });

  it("are those of the place, not of UTC", () => {
    process.env["TZ"] = "Asia/Tokyo";
    expect(sameDay("2026-01-01T14:59:59Z", "2026-01-01T15:00:00Z")).toBe(false);
    expect(sameDay("2026-01-01T15:00:00Z", "2026-01-02T14:59:59Z")).toBe(true);
    process.env["TZ"] = "UTC";
    expect(sameDay("2026-01-01T14:59:59Z", "2026-01-01T15:00:00Z")).toBe(true);
  });

  it("end a run", () => {
    process.env["TZ"] = "UTC";
    const messages = [message(1, { insertedAt: "2026-03-01T23:59:59Z" }), message(2, { insertedAt: "2026-03-02T00:00:01Z" })];
    expect(short(rowsOf(messages, null))).toBe("| (1) | (2)");
  });
});
