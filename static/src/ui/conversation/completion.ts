import type { UserRef } from "parlour-client";

/** What is being written at the caret and could be completed. */
export interface Query {
  /** A user's name after `@`, or an emoji's after `:`. */
  readonly type: "user" | "emoji";
  /** What there is of the name so far. */
  readonly text: string;
  /** Where it begins in the text, its sign included. */
  readonly from: number;
  readonly to: number;
}

/** What may take the place of a query. */
export interface Candidate {
  readonly key: string;
  /** What is written for it. */
  readonly insert: string;
  readonly label: string;
  readonly detail?: string;
  readonly user?: UserRef;
}

/** Most candidates that are offered at once. */
export const CANDIDATES_MAX = 6;

const USER = /(?:^|[^\p{L}\p{N}@_.-])@([a-z0-9_.-]{0,32})$/iu;
const EMOJI = /(?:^|[\s(])(:[a-z0-9_+-]{2,32})$/i;

/** What could be completed with the caret at `caret`, null if nothing. */
export function queryAt(text: string, caret: number): Query | null {
  const before = text.slice(Math.max(0, caret - 40), caret);
  const name = USER.exec(before)?.[1];
  if (name !== undefined) return { type: "user", text: name, from: caret - name.length - 1, to: caret };
  const emoji = EMOJI.exec(before)?.[1];
  if (emoji !== undefined) return { type: "emoji", text: emoji.slice(1), from: caret - emoji.length, to: caret };
  return null;
}

/** The text with a candidate in the place of the query, and where the caret is then. */
export function complete(text: string, query: Query, candidate: Candidate): { text: string; caret: number } {
  const rest = text.slice(query.to);
  const insert = rest.startsWith(" ") ? candidate.insert : `${candidate.insert} `;
  return { text: text.slice(0, query.from) + insert + rest, caret: query.from + candidate.insert.length + 1 };
}

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
