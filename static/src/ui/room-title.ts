import { displayName, type RoomInfo } from "parlour-client";

/** What a room is called: a direct conversation is called like the other one. */
export function roomTitle(info: RoomInfo): string {
  return info.peer ? displayName(info.peer) : info.name;
}
