import { located } from "./attachment.js";
import type { ChatError } from "./error.js";
import type { Message } from "./message.js";
import type { Quote, ThreadSummary, UserRef } from "./model.js";
import type { QueuedMessage } from "./options.js";
import { withOwn, type ReactionChange } from "./reactions.js";
import type { WireMessage } from "./wire.js";

/** Characters of a quoted message that are shown, as the server counts them. */
const EXCERPT_CHARS = 120;

/** How many messages beyond the bound may add up before the oldest are dropped. */
const TRIM_SLACK = 50;

/** What a timeline has to know. */
export interface TimelineHost {
  readonly me: UserRef | null;
  /** Most messages that are kept, beside those that were loaded on request. */
  readonly timelineMax: number;
  /** Base of the server, with a slash at its end. */
  readonly url: string;
}

/** A message that the server has. */
interface SentMessage extends Message {
  readonly id: string;
  readonly seq: number;
}

/**
 * The messages of a room, and of its threads that are open. Knows no network.
 *
 * There is one list for the main history, `null`, and one for each open thread, by the id of its root. Each is known
 * from its newest message back to some number, its floor, without a hole. What is older is not let in by itself, since
 * something may lie between: it comes with its page.
 */
export class Timeline {
  readonly #host: TimelineHost;
  /** Told that a message which was being sent is there. */
  readonly #arrived: (clientId: string) => void;
  readonly #messages = new Map<string, SentMessage>();
  /** Lists, and the numbers from which on nothing of them is missing. Until its first page a list takes anything. */
  readonly #floors = new Map<string | null, number>([[null, 0]]);
  /** What threads are like, and up to which change that is right, by the id of the root. */
  readonly #summaries = new Map<string, { asOf: number; thread: ThreadSummary }>();
  /** Keys of messages that were sent from here, by id: rows keep them. */
  readonly #keys = new Map<string, string>();
  /** What is not sent yet, in the order of sending, by key. */
  readonly #unsent = new Map<string, { message: Message; queued: QueuedMessage }>();
  /** How many messages were loaded on request. */
  #paged = 0;

  constructor(host: TimelineHost, arrived: (clientId: string) => void) {
    this.#host = host;
    this.#arrived = arrived;
  }

  /** A list, in order; then what is being sent to it, in the order of sending. */
  list(rootId: string | null): Message[] {
    const unsent = [...this.#unsent.values()].map(({ message }) => message);
    const belongs = ({ inRoom, threadRoot }: Message) => (rootId === null ? inRoom : threadRoot === rootId);
    return [...this.#sent(rootId), ...unsent.filter(belongs)];
  }

  /** Whether a list has older messages. */
  hasMore(rootId: string | null): boolean {
    return (this.#floors.get(rootId) ?? 0) > 0;
  }

  get(id: string): SentMessage | null {
    return this.#messages.get(id) ?? null;
  }

  /** What was to be sent, and could not be. */
  failed(key: string): QueuedMessage | undefined {
    const unsent = this.#unsent.get(key);
    return unsent?.message.state === "failed" ? unsent.queued : undefined;
  }

  /**
   * Takes one message as it is told now. Says whether it is new in the main history.
   *
   * @param asOf - the number of the last change that this takes into account
   */
  tell(wire: WireMessage, asOf: number, reaction?: ReactionChange): boolean {
    const isNew = !this.#messages.has(wire.id);
    this.#keep(wire, asOf, reaction);
    const size = this.#host.timelineMax + this.#paged;
    if (this.#messages.size > size + TRIM_SLACK) {
      this.#floors.set(null, this.#sent(null).at(-size)?.seq ?? 0);
      this.#sweep(this.#messages.keys());
    }
    return isNew && wire.inRoom && this.#messages.has(wire.id);
  }

  /** Takes a page of a list, its newest or the one before what is known. */
  tellPage(rootId: string | null, page: readonly WireMessage[], hasMore: boolean, asOf: number): void {
    const floor = this.#floors.get(rootId);
    // The thread was closed meanwhile.
    if (floor === undefined) return;
    if (rootId === null && floor > 0) this.#paged += page.length;
    this.#floors.set(rootId, hasMore ? (page[0]?.seq ?? floor) : 0);
    for (const wire of page) this.#keep(wire, asOf);
    this.#sweep(this.#messages.keys());
  }

  /** Forgets what came from the server. What is being sent stays. */
  clear(): void {
    for (const list of this.#floors.keys()) this.#floors.set(list, 0);
    this.#messages.clear();
    this.#summaries.clear();
    this.#paged = 0;
  }

  /** Somebody else is the user; `claimed`: the same person, who goes on with what is being sent. */
  changeUser(user: UserRef, claimed: boolean): void {
    this.clear();
    if (!claimed) this.#unsent.clear();
    for (const unsent of this.#unsent.values()) unsent.message = { ...unsent.message, user };
  }

  openThread(rootId: string): void {
    this.#floors.set(rootId, 0);
  }

  closeThread(rootId: string): void {
    this.#floors.delete(rootId);
    this.#sweep(this.#messages.keys());
  }

  /** Shows a message that is being sent, behind those before it. */
  send(queued: QueuedMessage): Message {
    const { clientId, replyTo, alsoInRoom, ...written } = queued;
    const message: Message = {
      ...written,
      key: clientId,
      id: null,
      seq: null,
      changedSeq: 0,
      // A room that is over may still be written to, in vain.
      user: this.#host.me ?? { id: "", username: "" },
      own: true,
      replyTo: replyTo === null ? null : this.#quote(replyTo),
      inRoom: written.threadRoot === null || alsoInRoom,
      thread: null,
      reactions: [],
      mentions: [],
      pinnedAt: null,
      editedAt: null,
      deletedAt: null,
      state: "pending",
      failure: null,
    };
    this.#unsent.delete(clientId);
    this.#unsent.set(clientId, { message, queued });
    return message;
  }

  fail(key: string, failure: ChatError): Message | undefined {
    const unsent = this.#unsent.get(key);
    if (unsent) unsent.message = { ...unsent.message, state: "failed", failure };
    return unsent?.message;
  }

  /** It is not to be sent any more, or was: then the server has told the message itself before. */
  discard(key: string): void {
    this.#unsent.delete(key);
  }

  /** What the server has of a list, in order. */
  #sent(rootId: string | null): SentMessage[] {
    return [...this.#messages.values()]
      .filter((message) => this.#isOn(rootId, message))
      .sort((one, other) => one.seq - other.seq);
  }

  #isOn(rootId: string | null, { seq, inRoom, threadRoot }: SentMessage): boolean {
    return (rootId === null ? inRoom : threadRoot === rootId) && seq >= (this.#floors.get(rootId) ?? Infinity);
  }

  #keep({ clientId, ...wire }: WireMessage, asOf: number, reaction?: ReactionChange): void {
    const before = this.#messages.get(wire.id);
    const me = this.#host.me;
    const own = wire.user.id === me?.id;
    if (own && clientId !== null && this.#unsent.delete(clientId)) {
      this.#keys.set(wire.id, clientId);
      this.#arrived(clientId);
    }
    if (wire.thread) this.#summarise(wire.thread, asOf);
    if (before && before.changedSeq > wire.changedSeq) return;

    this.#messages.set(wire.id, {
      ...wire,
      attachments: wire.attachments.map((attachment) => located(attachment, this.#host.url)),
      key: this.#keys.get(wire.id) ?? wire.id,
      own,
      replyTo: wire.replyTo && (this.#quote(wire.replyTo.id) ?? wire.replyTo),
      thread: this.#summaries.get(wire.threadRoot ?? wire.id)?.thread ?? wire.thread,
      reactions: withOwn(wire.reactions, before?.reactions ?? [], me?.id, reaction),
      state: "sent",
      failure: null,
    });
    if (wire.changedSeq > wire.seq) this.#requote(quoteOf(wire.id, wire));
    this.#sweep([wire.id]);
  }

  /** A reply tells of its whole thread, and the root does not change by it. */
  #summarise(thread: ThreadSummary, asOf: number): void {
    const { rootId, replyCount, lastReplyAt } = thread;
    const known = this.#summaries.get(rootId);
    if (known && known.asOf > asOf) return;
    this.#summaries.set(rootId, { asOf, thread });
    if (known?.thread.replyCount === replyCount && known.thread.lastReplyAt === lastReplyAt) return;
    for (const [id, message] of this.#messages) {
      if (id === rootId || message.threadRoot === rootId) this.#messages.set(id, { ...message, thread });
    }
  }

  /** The quote of a message that is known. */
  #quote(id: string): Quote | null {
    const message = this.#messages.get(id);
    return message ? quoteOf(id, message) : null;
  }

  /** Changes the quotes of a message that was changed. */
  #requote(replyTo: Quote): void {
    for (const [id, message] of this.#messages) {
      if (message.replyTo?.id === replyTo.id) this.#messages.set(id, { ...message, replyTo });
    }
  }

  /** Forgets those of some messages that are on no list any more. Roots of open threads stay. */
  #sweep(ids: Iterable<string>): void {
    for (const id of ids) {
      const message = this.#messages.get(id);
      if (!message || this.#floors.has(id) || this.#isOn(null, message)) continue;
      if (message.threadRoot !== null && this.#isOn(message.threadRoot, message)) continue;
      this.#messages.delete(id);
      this.#summaries.delete(id);
    }
  }
}

function quoteOf(id: string, { user, content, deletedAt }: Pick<Message, "user" | "content" | "deletedAt">): Quote {
  const deleted = deletedAt !== null;
  return { id, user, excerpt: deleted ? "" : [...content].slice(0, EXCERPT_CHARS).join(""), deleted };
}
