// People, rooms that do not exist yet, and who belongs to those that do.
import { record, type Parser } from "./fields.js";
import type { Member, UserRef } from "./model.js";
import type { Parlour } from "./parlour.js";
import { read } from "./rest.js";
import type { Room } from "./room.js";
import { parseConversation, parseRole, parseRoom, parseUser } from "./wire.js";

/** What a new room is to be. */
export interface NewRoom {
  name: string;
  description?: string | undefined;
  kind?: "public" | "private" | undefined;
}

const parseMember: Parser<Member> = record({ user: parseUser, role: parseRole });

/**
 * Makes a room, and joins it.
 *
 * @throws {ChatError} `room_creation_closed`, `too_many_rooms`; `invalid` with the fields that break rules
 */
export async function createRoom(chat: Parlour, room: NewRoom): Promise<Room> {
  return chat.joinKnown(await read(chat.rest.ask("POST", "/rooms", room), parseRoom));
}

/**
 * Joins the conversation with somebody, which begins if there is none.
 *
 * @throws {ChatError} `feature_disabled`, `forbidden`, `user_not_found`
 */
export async function directMessage(chat: Parlour, userId: string): Promise<Room> {
  return chat.joinKnown(await read(chat.rest.ask("POST", "/dm", { user_id: userId }), parseConversation));
}

/**
 * The users whom the user finds, or those of them whose name has a text in it.
 *
 * @throws {ChatError}
 */
export async function getUsers(chat: Parlour, search = ""): Promise<readonly UserRef[]> {
  const wanted = search.trim().toLowerCase();
  const users = await chat.rest.list("/users", parseUser);
  return users.filter(({ username, name }) => [username, name].join("\n").toLowerCase().includes(wanted));
}

/**
 * The members of a room.
 *
 * @throws {ChatError} `room_not_found` where the user may not see them
 */
export function getMembers(room: Room): Promise<readonly Member[]> {
  return room.host.rest.list(`/rooms/${room.id}/members`, parseMember);
}

/**
 * Makes the user a member of a public room. Writing there does, too.
 *
 * @throws {ChatError} `room_full`, `banned`
 */
export async function becomeMember(room: Room): Promise<void> {
  await room.host.rest.ask("POST", `/rooms/${room.id}/join`);
  room.setInfo({ role: room.info.role ?? "member" });
  room.knowReadMark(room.knownSeq);
}

/**
 * Ends the user's membership of a room.
 *
 * @throws {ChatError}
 */
export async function endMembership(room: Room): Promise<void> {
  await room.host.rest.ask("DELETE", `/rooms/${room.id}/leave`);
  room.setInfo({ role: null });
}
