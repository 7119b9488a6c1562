/** What is known of a refusal beside its code. */
export interface ErrorDetails {
  status?: number | undefined;
  retryAfterMs?: number | undefined;
  fields?: Readonly<Record<string, readonly string[]>> | undefined;
  until?: string | undefined;
  cause?: unknown;
}

/**
 * Something that did not work.
 *
 * `code` is what programs look at, and the key of its words in a catalogue. The server's codes are those of its page
 * about errors (`rate_limited`, `muted`, `frozen`, `slow_mode`, `room_full`, `banned`, `not_found`, …). Beside them
 * there are `offline` (the server could not be reached), `queue_full` (too many messages wait to be sent),
 * `unauthorized` (the identity is no good, or there is none), `closed` (the client or the room was closed meanwhile)
 * and `protocol` (an answer that makes no sense).
 */
export class ChatError extends Error {
  readonly code: string;
  /** The HTTP status, when a request was refused. */
  declare readonly status?: number | undefined;
  /** How long to wait before trying again, in milliseconds. */
  declare readonly retryAfterMs?: number | undefined;
  /** Which fields break which rule, in the server's words. */
  declare readonly fields?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Until when a mute lasts; ISO 8601, UTC. */
  declare readonly until?: string | undefined;

  /** @param message - for people who read logs, in English */
  constructor(code: string, message: string = code, { cause, ...details }: ErrorDetails = {}) {
    super(message, { cause });
    this.code = code;
    Object.assign(this, details);
  }
}
