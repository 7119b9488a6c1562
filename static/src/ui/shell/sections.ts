// Which rooms the list shows, in which order, under which names. No DOM.
import type { RoomSummary, UserRef } from "parlour-client";
import { roomTitle } from "../room-title.ts";

/** Whether making rooms is offered. Few tenants let guests do so, and none says whether it does. */
export function mayCreateRooms(user: UserRef | null): boolean {
  return user?.kind !== "guest";
}

/** The list by sections, each with the latest activity first. */
export interface RoomSections {
  /** Rooms one is a member of. */
  readonly rooms: readonly RoomSummary[];
  readonly direct: readonly RoomSummary[];
  /** Public rooms one could join. */
  readonly open: readonly RoomSummary[];
}

/** Sorts rooms into sections; with a filter only those whose title or description has each of its words. */
export function sections(rooms: readonly RoomSummary[], filter = ""): RoomSections {
  const words = folded(filter).split(/\s+/).filter(Boolean);
  const shown = rooms.filter(({ info }) => {
    const text = folded(`${roomTitle(info)} ${info.peer?.username ?? ""} ${info.description ?? ""}`);
    return words.every((word) => text.includes(word));
  });
  shown.sort((one, other) => other.lastActivity.localeCompare(one.lastActivity) || roomTitle(one.info).localeCompare(roomTitle(other.info)));
  return {
    rooms: shown.filter(({ info }) => info.kind !== "dm" && info.role !== null),
    direct: shown.filter(({ info }) => info.kind === "dm"),
    open: shown.filter(({ info }) => info.kind === "public" && info.role === null),
  };
}

/** Without case and accents, so that "cafe" finds "Café". */
function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
