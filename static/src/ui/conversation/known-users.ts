import type { Room, UserRef } from "parlour-client";

/** Those whom one may want to name in a room, without asking the server: the last who wrote, and who is there. */
export function* knownUsers(room: Room, me: UserRef | null): Generator<UserRef> {
  const authors = room.messages.slice(-200).reverse().map((message) => message.user);
  for (const user of [...authors, ...room.presence.users]) if (user.id !== me?.id) yield user;
}
