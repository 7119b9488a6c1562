import type { UserRef } from "parlour-client";
import type { Completed } from "./query.ts";

/** What may take the place of a query. */
export interface Candidate extends Completed {
  readonly key: string;
  readonly label: string;
  readonly detail?: string;
  readonly user?: UserRef;
}

/** Most candidates that are offered at once. */
export const CANDIDATES_MAX = 6;

/** Users whose name, or a word of it, begins like the query; whoever comes first in `users` first. */
export function matchingUsers(users: Iterable<UserRef>, text: string): Candidate[] {
  const query = text.toLocaleLowerCase();
  const found = new Map<string, Candidate>();
  for (const user of users) {
    const words = [user.username, ...(user.name ?? "").split(/\s+/)];
    if (found.has(user.id) || !words.some((word) => word.toLocaleLowerCase().startsWith(query))) continue;
    const insert = `@${user.username}`;
    found.set(user.id, { key: user.id, insert, label: user.name ?? user.username, detail: insert, user });
    if (found.size === CANDIDATES_MAX) break;
  }
  return [...found.values()];
}
