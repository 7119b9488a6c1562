// What is done to messages that are there. Those who may not are refused with `not_the_author`, `not_a_moderator` and
// their like.
import { asCount, record } from "./fields.js";
import { expected } from "./rest.js";
import type { Room } from "./room.js";

const parseMark = record({ seq: asCount });

/** @throws {ChatError} `edit_window_over` when it is too late */
export function editMessage(room: Room, id: string, content: string): Promise<void> {
  return room.change("edit_message", { id, content });
}

/** @throws {ChatError} `edit_window_over` when it is too late */
export function deleteMessage(room: Room, id: string): Promise<void> {
  return room.change("delete_message", { id });
}

/** @throws {ChatError} `feature_disabled` */
export function react(room: Room, id: string, emoji: string): Promise<void> {
  return room.change("add_reaction", { id, emoji });
}

/** @throws {ChatError} `feature_disabled` */
export function unreact(room: Room, id: string, emoji: string): Promise<void> {
  return room.change("remove_reaction", { id, emoji });
}

/** @throws {ChatError} `too_many_pins` */
export function pin(room: Room, id: string): Promise<void> {
  return room.change("pin_message", { id });
}

/** @throws {ChatError} */
export function unpin(room: Room, id: string): Promise<void> {
  return room.change("unpin_message", { id });
}

/**
 * Makes the message with a number, and those after it, unread again.
 *
 * @throws {ChatError} `feature_disabled`
 */
export async function markUnread(room: Room, seq: number): Promise<void> {
  room.moveReadMark(expected(parseMark(await room.channel.push("mark_unread", { seq }))).seq);
}
