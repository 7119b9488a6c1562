import type { Reaction, UserRef } from "./model.js";
import type { WireReaction } from "./wire.js";

/** Who reacted with what, or took it back, where an event tells. */
export interface ReactionChange {
  user: UserRef;
  emoji: string;
  added: boolean;
}

/**
 * Reactions with what the server cannot say in an event, which is the same for everybody: whether the user's own is
 * among them.
 */
export function withOwn(
  reactions: readonly WireReaction[],
  before: readonly Reaction[],
  myId: string | undefined,
  change: ReactionChange | undefined,
): Reaction[] {
  return reactions.map(({ emoji, count, users, me }) => {
    const named = users.some((user) => user.id === myId);
    // All who chose it are named, unless there are more than fit.
    const told = change?.user.id === myId && change?.emoji === emoji ? change.added : undefined;
    const own = me ?? (count <= users.length ? named : told);
    return { emoji, count, users, me: own ?? before.find((reaction) => reaction.emoji === emoji)?.me ?? named };
  });
}
