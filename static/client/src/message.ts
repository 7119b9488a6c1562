import type { Attachment } from "./attachment.js";
import type { ChatError } from "./error.js";
import type { Quote, Reaction, ThreadSummary, UserRef } from "./model.js";

/** A message. Objects never change: a change makes a new one, so that views may compare by identity. */
export interface Message {
  /** The same from the moment of sending on, and unique in the room: what lists use as a row's key. */
  readonly key: string;
  /** `null` until the server has it. */
  readonly id: string | null;
  readonly roomId: string;
  /** Its place in the room; `null` until the server has it. */
  readonly seq: number | null;
  /** The number of the last change that touched it. */
  readonly changedSeq: number;
  readonly user: UserRef;
  /** What the author typed, character for character: plain text, never markup. Empty when it was deleted. */
  readonly content: string;
  /** Whether the user wrote it. */
  readonly own: boolean;
  readonly replyTo: Quote | null;
  /** The message under which this is a reply in a thread. */
  readonly threadRoot: string | null;
  /** Whether it is in the room's main history; `false` for replies that are in their thread only. */
  readonly inRoom: boolean;
  readonly thread: ThreadSummary | null;
  readonly reactions: readonly Reaction[];
  /** Ids of the users it names. */
  readonly mentions: readonly string[];
  readonly attachments: readonly Attachment[];
  readonly pinnedAt: string | null;
  readonly editedAt: string | null;
  readonly deletedAt: string | null;
  /** ISO 8601, UTC; by this device's clock until the server has it. */
  readonly insertedAt: string;
  readonly state: "sent" | "pending" | "failed";
  /** Why it could not be sent, when `state` is `failed`. */
  readonly failure: ChatError | null;
}

/** How a message is sent, beside its text. */
export interface SendOptions {
  /** The message it answers, which is quoted. */
  replyTo?: Message | undefined;
  /** The message under which it is a reply in a thread. */
  threadRoot?: string | null | undefined;
  /** Whether a reply in a thread is in the room's main history as well. */
  alsoInRoom?: boolean | undefined;
  /** Up to four of what `upload` gave, which are in no other message. With them the text may be empty. */
  attachments?: readonly Attachment[] | undefined;
}
