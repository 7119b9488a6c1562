import type { ChatError } from "./error.js";
import { asCount, asFields, asText, record } from "./fields.js";
import type { Message, SendOptions } from "./message.js";
import { MessageRoom, type RoomHost } from "./message-room.js";
import type { PresenceInfo, RoomInfo, UserRef } from "./model.js";
import { Presence } from "./presence.js";
import { ReadMark } from "./read-mark.js";
import type { JoinReply } from "./room-wire.js";
import type { Topic } from "./topic.js";
import { TypingNotice, TypingUsers } from "./typing.js";
import { parseRoom, parseUser } from "./wire.js";

const parseOthersMark = record({ userId: asText, seq: asCount });

/** A room that is joined. It joins again after each loss of the connection, and catches up with what it missed. */
export class Room extends MessageRoom {
  readonly #presence = new Presence();
  readonly #typing = new TypingUsers(() => this.emit("typing"));
  readonly #typingNotice = new TypingNotice((event) => this.channel.tell(event, {}));
  readonly #readMark = new ReadMark((seq) => this.channel.tell("mark_read", { seq }));
  readonly #readMarks = new Map<string, number>();
  #info: RoomInfo;
  #closed: ChatError | null = null;

  /** @internal */
  constructor(host: RoomHost, channel: Topic, info: RoomInfo) {
    super(host, channel, info);
    this.#info = info;
    this.knowReadMark(host.unread.mark(this.id));
  }

  /** Under which name it is joined. */
  get topic(): string {
    return this.channel.name;
  }

  get info(): RoomInfo {
    return this.#info;
  }

  /** Why the room is over for this user; `null` while it is not. */
  get closed(): ChatError | null {
    return this.#closed;
  }

  override send(content: string, options?: SendOptions): Message {
    this.#typingNotice.sent();
    return super.send(content, options);
  }

  /** Who else types. */
  get typing(): readonly UserRef[] {
    return this.#typing.users;
  }

  /** To be called at each key: tells the others that the user types, now and then. */
  startTyping(): void {
    this.#typingNotice.start();
  }

  stopTyping(): void {
    this.#typingNotice.stop();
  }

  /** Who is here. The same object until something changes. */
  get presence(): PresenceInfo {
    return this.#presence.info;
  }

  /** Up to which number others have read, by their ids, as far as it is told. */
  get readMarks(): ReadonlyMap<string, number> {
    return this.#readMarks;
  }

  /** Up to which number the user has read; `null` where that is not known. */
  get readSeq(): number | null {
    return this.#readMark.seq;
  }

  /**
   * Marks what is there as read, or what is up to a number. To be called when it was seen, as often as it is: the
   * server is told now and then. Who is no member has no mark.
   */
  markRead(seq: number = this.knownSeq): void {
    if (this.#info.role === null || !this.#readMark.advance(seq)) return;
    if (seq >= this.newestSeq) this.host.unread.clear(this.id);
    this.emit("read");
  }

  /**
   * Gives the room back. When everybody has who got it from `joinRoom`, it is left, once nothing waits to be sent any
   * more.
   */
  release(): void {
    this.host.joined.release(this.id);
  }

  /** @internal */
  override joined(reply: JoinReply): void {
    this.setInfo(reply.room);
    this.#presence.summary(reply.presence);
    this.emit("presence");
    super.joined(reply);
    this.#readMark.flush();
  }

  /** @internal */
  override event(name: string, payload: unknown): void {
    super.event(name, payload);
    const user = parseUser(payload);
    if (name.startsWith("presence_")) {
      if (name === "presence_state") this.#presence.state(payload);
      else for (const id of this.#presence.diff(payload)) this.#typing.stopped(id);
      this.emit("presence");
    } else if (name === "typing" && user && user.id !== this.host.me?.id) {
      this.#typing.started(user);
    } else if (name === "stop_typing" && user) {
      this.#typing.stopped(user.id);
    } else if (name === "read") {
      this.#someoneRead(payload);
    } else if (name === "room_updated") {
      const room = parseRoom(asFields(payload)?.["room"], this.#info.peer);
      if (room) this.setInfo({ ...room, role: this.#info.role });
    }
  }

  /** The connection is lost: whoever typed is not known to type. @internal */
  down(): void {
    this.#typing.clear();
    this.#typingNotice.sent();
  }

  /** It is over. @internal */
  close(error: ChatError): void {
    if (this.#closed) return;
    this.#closed = error;
    this.channel.leave();
    this.#typing.clear();
    this.#readMark.clear();
    this.start();
    for (const thread of [...this.threads.values()]) thread.close();
    this.host.over(this);
    this.emit("closed", error);
    this.forgetListeners();
  }

  /** @internal */
  override changeUser(me: UserRef, claimed: boolean): void {
    super.changeUser(me, claimed);
    this.#readMarks.clear();
    this.#readMark.clear();
    this.emit("read");
  }

  /** Takes what else is known of the room. @internal */
  setInfo(info: Partial<RoomInfo>): void {
    const next = { ...this.#info, ...info };
    if (JSON.stringify(next) === JSON.stringify(this.#info)) return;
    this.#info = next;
    this.host.infoChanged(this);
    this.emit("info");
  }

  /** Takes up to where the user has read, as the server has it. @internal */
  knowReadMark(seq: number | null): void {
    if (seq !== null && seq > (this.#readMark.seq ?? -1)) this.moveReadMark(seq);
  }

  /** The user's read mark is there now, be it further back. @internal */
  moveReadMark(seq: number): void {
    this.#readMark.seq = seq;
    this.emit("read");
  }

  /** @internal */
  protected received(message: Message): void {
    this.#typing.stopped(message.user.id);
    this.host.received(this, message);
  }

  #someoneRead(payload: unknown): void {
    const { userId, seq } = parseOthersMark(payload) ?? { userId: "", seq: -1 };
    if (userId === this.host.me?.id) {
      this.knowReadMark(seq);
    } else if (seq > (this.#readMarks.get(userId) ?? -1)) {
      this.#readMarks.set(userId, seq);
      this.emit("read");
    }
  }
}
