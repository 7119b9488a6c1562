// The server's shapes. Whatever lacks what it has to have is not taken; docs/rest.md tells what the fields mean.
import { parseAttachment } from "./attachment.js";
import { asCount, asFields, asText, flag, list, oneOf, or, record } from "./fields.js";
import type { RoomInfo, UserRef } from "./model.js";

const parseKind = oneOf("account", "host", "guest", "bot");
export const parseRole = oneOf("owner", "admin", "moderator", "member", "reader");
const maybeText = or(asText, null);

/** A user, whose id is under `id`, or under `user_id` where it is told what somebody does. */
export function parseUser(value: unknown): UserRef | undefined {
  const user = asFields(value);
  const id = asText(user?.["id"] ?? user?.["user_id"]);
  const username = asText(user?.["username"]);
  if (!user || id === undefined || username === undefined) return undefined;
  const name = asText(user["name"]);
  const avatarUrl = asText(user["avatar_url"]);
  return {
    id,
    username,
    ...(name && { name }),
    // A picture is loaded by the page that shows it, so nothing but a picture's address may get there.
    ...(avatarUrl?.startsWith("https://") && { avatarUrl }),
    kind: parseKind(user["kind"]) ?? "account",
  };
}

const room = record({
  id: asText,
  slug: maybeText,
  kind: oneOf("public", "private", "dm"),
  name: or(asText, ""),
  description: maybeText,
  role: or(parseRole, null),
  slowModeS: or(asCount, 0),
  frozen: flag(false),
  pageUrl: maybeText,
  insertedAt: or(asText, ""),
});

/** A room; `peer` is the other one, if it is a conversation of two. */
export function parseRoom(value: unknown, peer?: UserRef): RoomInfo | undefined {
  const parsed = room(value);
  if (!parsed) return undefined;
  const { slowModeS: slowModeSeconds, ...info } = parsed;
  return { ...info, slowModeSeconds, ...(peer && { peer }) };
}

/** A conversation of two, as lists of them tell it. */
export function parseConversation(value: unknown): RoomInfo | undefined {
  const conversation = asFields(value);
  const peer = parseUser(conversation?.["user"]);
  return peer && parseRoom({ ...conversation, kind: "dm", role: "member" }, peer);
}

/** What the user has not read in a room. The mark and the sum over all rooms are not told everywhere. */
export const parseUnread = record({
  roomId: asText,
  unread: asCount,
  mentions: or(asCount, 0),
  readSeq: or(asCount, null),
  total: or(asCount, null),
});

export type WireUnread = NonNullable<ReturnType<typeof parseUnread>>;

const message = record({
  id: asText,
  roomId: asText,
  seq: asCount,
  changedSeq: asCount,
  user: parseUser,
  content: asText,
  clientId: maybeText,
  replyTo: or(record({ id: asText, user: parseUser, excerpt: or(asText, ""), deleted: flag(false) }), null),
  threadRoot: maybeText,
  inRoom: flag(true),
  thread: or(record({ rootId: asText, replyCount: asCount, lastReplyAt: maybeText }), null),
  reactions: list(
    record({
      emoji: asText,
      count: asCount,
      users: list(parseUser),
      // Missing where the message is for everybody.
      me: flag(null),
    }),
  ),
  mentions: list(asText),
  attachments: list(parseAttachment),
  pinnedAt: maybeText,
  editedAt: maybeText,
  deletedAt: maybeText,
  insertedAt: asText,
});

/** A message as the server tells it. */
export type WireMessage = NonNullable<ReturnType<typeof message>>;
export type WireReaction = WireMessage["reactions"][number];

/** A message, or what tells of one under `message`. */
export function parseMessage(value: unknown): WireMessage | undefined {
  return message(asFields(value)?.["message"] ?? value);
}
