/**
 * Which part of a room's messages is in the document. With a day for each of them and the line of unread ones there are
 * at most 481 rows: fewer than the 500 that a browser lays out and scrolls without effort on a phone.
 */
export const WINDOW_MAX = 240;

/** How many messages further it goes when its end is scrolled into view. */
export const WINDOW_STEP = 80;

/** A part of the messages: from index `start` to before `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where the part is: at the end, following what comes, or from the message with this key on. */
export type Position = { readonly follows: true } | { readonly follows: false; readonly first: string };

export const AT_END: Position = { follows: true };

/** What has a key and a place in a list. */
type Keyed = readonly { readonly key: string }[];

/** The part of `messages` at a position. A message that is no longer there makes it the end. */
export function rangeAt(messages: Keyed, position: Position): Range {
  const found = position.follows ? -1 : messages.findIndex((message) => message.key === position.first);
  const last = Math.max(0, messages.length - WINDOW_MAX);
  const start = found === -1 ? last : found;
  return { start, end: Math.min(messages.length, start + WINDOW_MAX) };
}

/** The position one step earlier; the same where there is nothing earlier. */
export function earlier(messages: Keyed, range: Range): Position {
  return from(messages, range.start - WINDOW_STEP);
}

/** The position one step later, the end when it is in sight. */
export function later(messages: Keyed, range: Range): Position {
  return range.end + WINDOW_STEP >= messages.length ? AT_END : from(messages, range.start + WINDOW_STEP);
}

/** The position that has the message with index `index` in its middle. */
export function around(messages: Keyed, index: number): Position {
  return from(messages, index - WINDOW_MAX / 2);
}

/** The position that begins with the message of this index, or with the first. */
export function from(messages: Keyed, index: number): Position {
  const first = messages[Math.max(0, index)];
  return first ? { follows: false, first: first.key } : AT_END;
}
