// What comes on a room's topic.
import { asCount, asFields, asText, flag, list, or, record } from "./fields.js";
import type { RoomInfo, UserRef } from "./model.js";
import type { ReactionChange } from "./reactions.js";
import { parseMessage, parseRoom, parseUser } from "./wire.js";

const join = record({
  epoch: asText,
  headSeq: asCount,
  /** Whether `messages` is all that was missed, and not the newest page instead; `null` at a first join. */
  recovered: flag(null),
  messages: list(parseMessage),
  hasMore: flag(false),
  /** How much is told about who is there, for {@link Presence}. */
  presence: or(asFields, null),
});

/** The reply to a join. */
export type JoinReply = NonNullable<ReturnType<typeof join>> & { room: RoomInfo };

export function parseJoinReply(response: unknown, peer?: UserRef): JoinReply | undefined {
  const fields = asFields(response);
  const reply = join(response);
  const room = parseRoom({ ...asFields(fields?.["room"]), role: fields?.["role"] }, peer);
  return reply && room && { ...reply, room };
}

/** Events that tell of a message, as it is then. */
export const MESSAGE_EVENT = /^(new_message|message_(edited|deleted|(un)?pinned)|reaction_(added|removed))$/;

const parseReaction = record({ user: parseUser, emoji: asText });

/** Who reacted with what, if the event says so. */
export function parseReactionChange(event: string, payload: unknown): ReactionChange | undefined {
  const parsed = event.startsWith("reaction_") ? parseReaction(payload) : undefined;
  return parsed && { ...parsed, added: event === "reaction_added" };
}
