// Where a text could be completed, and how.
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

/** What takes the place of a query. */
export interface Completed {
  /** What is written for it. */
  readonly insert: string;
}

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

/** The text with something in the place of the query, and where the caret is then. */
export function complete(text: string, query: Query, { insert: inserted }: Completed): { text: string; caret: number } {
  const rest = text.slice(query.to);
  const insert = rest.startsWith(" ") ? inserted : `${inserted} `;
  return { text: text.slice(0, query.from) + insert + rest, caret: query.from + inserted.length + 1 };
}
