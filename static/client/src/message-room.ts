import { Emitter } from "./emitter.js";
import { ChatError } from "./error.js";
import { asCount, asFields, asList } from "./fields.js";
import type { JoinedRooms } from "./joined-rooms.js";
import type { Message, SendOptions } from "./message.js";
import type { RoomInfo, UserRef } from "./model.js";
import type { QueuedMessage } from "./options.js";
import type { Outbox } from "./outbox.js";
import { parseReactionChange, MESSAGE_EVENT, type JoinReply } from "./room-wire.js";
import { randomId } from "./random-id.js";
import { expected, type Rest } from "./rest.js";
import type { Room } from "./room.js";
import type { Thread } from "./thread.js";
import { Timeline } from "./timeline.js";
import type { Topic } from "./topic.js";
import type { Unread } from "./unread.js";
import { parseMessage, type WireMessage } from "./wire.js";

/** Messages that are loaded at once. */
const PAGE = 50;

export interface RoomEvents {
  /** The messages have changed; told once for changes that come together. */
  change: void;
  typing: void;
  presence: void;
  /** Somebody's read mark, or the user's own, has moved. */
  read: void;
  /** {@link Room.info} has changed. */
  info: void;
  /** The room is over for this user: removed, banned, deleted, or the client was destroyed. */
  closed: ChatError;
}

/** What a room needs of the client it belongs to. @internal */
export interface RoomHost {
  readonly me: UserRef | null;
  readonly rest: Rest;
  readonly outbox: Outbox;
  readonly unread: Unread;
  readonly timelineMax: number;
  readonly url: string;
  /** Somebody else has written. */
  received(room: Room, message: Message): void;
  /** A message has to wait. */
  refused(error: ChatError): void;
  infoChanged(room: Room): void;
  readonly joined: JoinedRooms;
  over(room: Room): void;
}

/** What a room is about: its messages, as they are told, loaded, sent and changed. */
export abstract class MessageRoom extends Emitter<RoomEvents> {
  readonly id: string;
  /** @internal */
  readonly host: RoomHost;
  /** @internal */
  readonly channel: Topic;
  /** Where pages of messages are over REST: for conversations of two it is a path of their own. */
  readonly #pages: string;
  /** @internal */
  readonly timeline: Timeline;
  /** Threads that are open, by the ids of their roots. @internal */
  readonly threads = new Map<string, Thread>();
  /** Up to where the room's changes are known; `null` until its history has come. */
  #known: { epoch: string; seq: number } | null = null;
  /** Where the room was at the last join. */
  #joinedAt: { epoch: string; seq: number } | null = null;
  #view: readonly Message[] | null = null;
  #changing = false;
  #loading: Promise<number> | null = null;
  /** Settles when the first history has come, or the room is over. @internal */
  readonly started: Promise<void>;
  /** @internal */
  protected start = () => {};

  /** @internal */
  constructor(host: RoomHost, channel: Topic, { id, kind }: RoomInfo) {
    super();
    this.id = id;
    this.host = host;
    this.channel = channel;
    this.#pages = `/${kind === "dm" ? "dm" : "rooms"}/${id}/messages`;
    this.timeline = new Timeline(host, (clientId) => this.#unqueue(clientId));
    this.started = new Promise((resolve) => (this.start = resolve));
    host.outbox.attach(id, this);
  }

  /** Somebody else has written. @internal */
  protected abstract received(message: Message): void;

  /**
   * The main history by `seq`, from the newest back to what was loaded without a hole; then what is being sent, in the
   * order of sending. The same array until something changes.
   */
  get messages(): readonly Message[] {
    this.#view ??= this.timeline.list(null);
    return this.#view;
  }

  /** Whether there are older messages. */
  get hasMore(): boolean {
    return this.timeline.hasMore(null);
  }

  /** Whether older messages are being loaded. */
  get loading(): boolean {
    return this.#loading !== null;
  }

  /**
   * Loads the page before the oldest message that is there. Returns how many came.
   *
   * @throws {ChatError}
   */
  loadEarlier(): Promise<number> {
    if (!this.#loading) {
      this.#loading = this.loadPageBefore(null).finally(() => {
        this.#loading = null;
        this.#changed();
      });
      this.#changed();
    }
    return this.#loading;
  }

  /**
   * Sends a message. It is among the messages at once, and stays there until the server has it or refuses it: there is
   * nothing to wait for. Without a connection it waits for one.
   */
  send(content: string, options: SendOptions = {}): Message {
    const { replyTo, threadRoot = null, alsoInRoom = false, attachments = [] } = options;
    return this.#enqueue({
      clientId: randomId(),
      roomId: this.id,
      content,
      replyTo: replyTo?.id ?? null,
      threadRoot,
      alsoInRoom,
      attachments,
      insertedAt: new Date().toISOString(),
    });
  }

  /** Sends a message again that could not be sent. */
  retry(key: string): void {
    const failed = this.timeline.failed(key);
    if (failed) this.#enqueue(failed);
  }

  /** Gives up a message that is not sent yet. One that is on its way may arrive all the same. */
  discard(key: string): void {
    this.timeline.discard(key);
    this.#unqueue(key);
    this.#changed();
  }

  /** The number of the newest message. @internal */
  get newestSeq(): number {
    return this.messages.findLast(({ seq }) => seq !== null)?.seq ?? 0;
  }

  /** The greatest number that is known. @internal */
  get knownSeq(): number {
    return Math.max(this.newestSeq, this.#known?.seq ?? 0);
  }

  /** The params of the next join. @internal */
  joinParams(): object {
    return this.#known ? { since: this.#known } : {};
  }

  /** It is joined, for the first time or again. @internal */
  joined({ epoch, headSeq, recovered, messages, hasMore }: JoinReply): void {
    const since = this.#known?.seq ?? 0;
    this.#joinedAt = { epoch, seq: headSeq };
    if (recovered) {
      this.#known = this.#joinedAt;
      for (const message of messages) this.#tell(message, headSeq, message.seq > since);
      this.#changed();
    } else if (recovered === false) {
      this.#startOver(messages, hasMore);
    }
    this.host.outbox.wake(this.id);
  }

  /** Something happened on the topic. @internal */
  event(name: string, payload: unknown): void {
    if (name === "message_history") {
      const messages = asList(asFields(payload)?.["messages"], parseMessage);
      // Numbers start at 1. Whether there really is more is known when it is asked for.
      this.#startOver(messages, (messages[0]?.seq ?? 0) > 1);
    } else if (MESSAGE_EVENT.test(name)) {
      const message = parseMessage(payload);
      if (message?.roomId !== this.id) return;
      this.#tell(message, message.changedSeq, name === "new_message", parseReactionChange(name, payload));
      if (this.#known) this.#known = { ...this.#known, seq: Math.max(this.#known.seq, message.changedSeq) };
      this.#changed();
    }
  }

  /** Somebody else is the user from now on; `claimed`: under another id, the same person. @internal */
  changeUser(me: UserRef, claimed: boolean): void {
    this.timeline.changeUser(me, claimed);
    this.#known = null;
    this.#changed();
  }

  /** Whether messages can be delivered now. @internal */
  get ready(): boolean {
    return this.channel.joined;
  }

  /** @internal */
  async deliver({ content, clientId, replyTo, threadRoot, alsoInRoom, attachments }: QueuedMessage): Promise<void> {
    await this.channel.push("new_message", {
      content,
      client_id: clientId,
      reply_to: replyTo,
      thread_root: threadRoot,
      also_in_room: alsoInRoom,
      attachments: attachments.map(({ id }) => id),
    });
  }

  /** @internal */
  settled(clientId: string, refusal?: ChatError): void {
    if (refusal) this.timeline.fail(clientId, refusal);
    else this.timeline.discard(clientId);
    this.#changed();
    this.host.joined.leaveIfDone(this.id);
  }

  /** @internal */
  postponed(error: ChatError): void {
    this.host.refused(error);
  }

  /** @internal */
  restored(messages: readonly QueuedMessage[]): void {
    for (const message of messages) this.timeline.send(message);
    this.#changed();
  }

  #enqueue(queued: QueuedMessage): Message {
    const { host } = this;
    let message = this.timeline.send(queued);
    if (!host.me || !host.outbox.add(queued)) {
      message = this.timeline.fail(queued.clientId, new ChatError(host.me ? "queue_full" : "unauthorized")) ?? message;
    }
    this.#changed();
    return message;
  }

  #unqueue(clientId: string): void {
    this.host.outbox.remove(clientId);
    this.host.joined.leaveIfDone(this.id);
  }

  #tell(wire: WireMessage, asOf: number, news: boolean, reaction?: ReturnType<typeof parseReactionChange>): void {
    const isNew = this.timeline.tell(wire, asOf, reaction);
    const message = news && isNew && this.timeline.get(wire.id);
    if (message && !message.own && message.deletedAt === null) this.received(message);
  }

  /** What was known counts for nothing any more. */
  #startOver(messages: readonly WireMessage[], hasMore: boolean): void {
    this.#known = this.#joinedAt;
    this.timeline.clear();
    this.timeline.tellPage(null, messages, hasMore, this.#joinedAt?.seq ?? 0);
    for (const thread of this.threads.values()) thread.reload();
    this.start();
    this.#changed();
  }

  /** Changes a message, and shows what the server makes of it. @internal */
  async change(event: string, payload: object): Promise<void> {
    const message = expected(parseMessage(await this.channel.push(event, payload)));
    this.timeline.tell(message, message.changedSeq);
    this.#changed();
  }

  /** Loads the page before the oldest message of a list that is there. @internal */
  async loadPageBefore(rootId: string | null): Promise<number> {
    const before = this.#oldest(rootId);
    if (before === undefined || !this.timeline.hasMore(rootId)) return 0;
    return this.loadPage(rootId, before);
  }

  /** Loads a page, the newest or the one before a message. @internal */
  async loadPage(rootId: string | null, before?: string): Promise<number> {
    const path = rootId === null ? this.#pages : `${this.pathOf(rootId)}/thread`;
    const { data, meta } = await this.host.rest.ask("GET", path, undefined, { limit: PAGE, before_id: before });
    // The room may have started over meanwhile.
    if (before !== undefined && this.#oldest(rootId) !== before) return 0;
    const messages = asList(data, parseMessage);
    this.timeline.tellPage(rootId, messages, meta?.["has_more"] === true, asCount(meta?.["head_seq"]) ?? 0);
    this.#changed();
    return messages.length;
  }

  #oldest(rootId: string | null): string | undefined {
    return this.timeline.list(rootId)[0]?.id ?? undefined;
  }

  /** Where a message is over REST. @internal */
  pathOf(messageId: string): string {
    return `/rooms/${this.id}/messages/${encodeURIComponent(messageId)}`;
  }

  #changed(): void {
    this.#view = null;
    if (this.#changing) return;
    this.#changing = true;
    queueMicrotask(() => {
      this.#changing = false;
      for (const thread of this.threads.values()) thread.update();
      this.emit("change");
    });
  }
}
