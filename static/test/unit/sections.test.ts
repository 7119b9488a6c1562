import type { RoomInfo, RoomSummary } from "parlour-client";
import { describe, expect, it } from "vitest";
import { roomTitle } from "../../src/ui/room-title.ts";
import { roomAddress } from "../../src/ui/shell/navigation.ts";
import { sections } from "../../src/ui/shell/sections.ts";

function room(name: string, more: Partial<RoomInfo> = {}, lastActivity = "2026-01-01T00:00:00Z"): RoomSummary {
  const info: RoomInfo = {
    id: `id-${name}`,
    slug: name.toLowerCase(),
    kind: "public",
    name,
    description: null,
    role: "member",
    slowModeSeconds: 0,
    frozen: false,
    pageUrl: null,
    insertedAt: "2026-01-01T00:00:00Z",
    ...more,
  };
  return { info, unread: 0, mentions: 0, lastActivity };
}

const dm = room("", { id: "dm", slug: null, kind: "dm", peer: { id: "zoe", username: "zoe_w", name: "Zoë" } });
const titles = (rooms: readonly RoomSummary[]): string[] => rooms.map(({ info }) => roomTitle(info));

describe("sections", () => {
  it("tells rooms one is in, conversations of two, and public rooms one could join apart", () => {
    const rooms = [room("In"), dm, room("Open", { role: null }), room("Hidden", { role: null, kind: "private" })];
    const { rooms: mine, direct, open } = sections(rooms);
    expect([titles(mine), titles(direct), titles(open)]).toEqual([["In"], ["Zoë"], ["Open"]]);
  });

  it("has the latest activity first, and what is as old by name", () => {
    const rooms = [room("B"), room("A"), room("Late", {}, "2026-01-02T00:00:00Z")];
    expect(titles(sections(rooms).rooms)).toEqual(["Late", "A", "B"]);
  });

  it("finds every word of the filter in title, username or description, without case and accents", () => {
    const rooms = [room("Café Müller", { description: "Coffee and cake" }), room("Garden"), dm];
    expect(titles(sections(rooms, "cafe CAKE").rooms)).toEqual(["Café Müller"]);
    expect(titles(sections(rooms, "zoe_").direct)).toEqual(["Zoë"]);
    expect(titles(sections(rooms, "cafe garden").rooms)).toEqual([]);
    expect(titles(sections(rooms, "  ").rooms)).toEqual(["Café Müller", "Garden"]);
  });

  it("leaves the list it was given as it is", () => {
    const rooms = Object.freeze([room("B"), room("A")]);
    expect(titles(sections(rooms).rooms)).toEqual(["A", "B"]);
  });
});

it("a conversation of two is named like the other one, and addressed by its id", () => {
  expect([roomTitle(dm.info), roomAddress(dm.info)]).toEqual(["Zoë", "dm"]);
  expect(roomAddress(room("General").info)).toBe("general");
});
