import { displayName, type Message, type Room, type UserRef } from "parlour-client";
import type { I18n } from "../../i18n/i18n.ts";
import { knownUsers } from "./known-users.ts";

/** Most names that are told; of the others there is a number. */
const NAMES_MAX = 3;

/** The last of the user's own messages that somebody has read, and in words by whom. */
export function seenBy(room: Room, me: UserRef | null, i18n: I18n): { key: string; text: string } | null {
  const marks = [...room.readMarks].filter(([id]) => id !== me?.id);
  const reached = Math.max(0, ...marks.map(([, seq]) => seq));
  const message = room.messages.findLast(
    ({ own, seq, deletedAt }) => own && seq !== null && seq <= reached && deletedAt === null,
  );
  if (!message || hasAnswer(room, message)) return null;
  if (room.info.kind === "dm") return { key: message.key, text: i18n.t("message.seen") };
  const readers = marks.filter(([, seq]) => seq >= (message.seq ?? 0)).map(([id]) => id);
  const names = new Map<string, string>();
  for (const user of knownUsers(room, me)) if (readers.includes(user.id)) names.set(user.id, displayName(user));
  const told = [...names.values()].slice(0, NAMES_MAX);
  if (told.length === 0) return { key: message.key, text: i18n.t("message.seen_by_number", { count: readers.length }) };
  const rest = readers.length - told.length;
  if (rest > 0) told.push(`+${i18n.number(rest)}`);
  return { key: message.key, text: i18n.t("message.seen_by", { names: i18n.list(told) }) };
}

/** Whether somebody has written since: that says more than a mark does. */
function hasAnswer(room: Room, message: Message): boolean {
  const last = room.messages.findLast(({ state }) => state === "sent");
  return last !== undefined && !last.own && last.seq !== null && message.seq !== null && last.seq > message.seq;
}
