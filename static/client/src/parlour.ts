import { Account } from "./account.js";
import { Connection } from "./connection.js";
import { ChatError } from "./error.js";
import { asFields, asList } from "./fields.js";
import { JoinedRooms } from "./joined-rooms.js";
import type { Message } from "./message.js";
import type { ConnectionState, RoomInfo, RoomSummary, UnreadCount, UserRef } from "./model.js";
import type { Options } from "./options.js";
import { Outbox } from "./outbox.js";
import { asChatError } from "./refusals.js";
import type { Rest } from "./rest.js";
import { RoomList } from "./room-list.js";
import type { Room } from "./room.js";
import { Transports } from "./transports.js";
import { Unread } from "./unread.js";
import { parseConversation, parseRoom, parseUnread, parseUser } from "./wire.js";

const QUEUE_MAX = 50;
const TIMELINE_MAX = 1000;

/** Events that tell what the user is in a room. */
const ROOM_EVENT = /^(dm_created|member_(added|removed)|role_changed)$/;

/**
 * A user's chat with one tenant of one server.
 *
 * Everything is kept in memory: it touches no storage, no cookie and no page. Calls that ask the server reject with a
 * {@link ChatError}.
 */
export class Parlour extends Account {
  /** @internal */
  declare readonly rest: Rest;
  /** @internal */
  readonly outbox: Outbox;
  /** @internal */
  readonly unread: Unread;
  /** @internal */
  readonly timelineMax: number;
  readonly #connection: Connection;
  readonly #list: RoomList;
  /** How often a membership was told to have changed: a list from before knows less. */
  #told = 0;
  /** @internal */
  readonly joined: JoinedRooms;

  constructor(options: Options) {
    super(options);
    const { signIn } = options;
    if (signIn) this.initial = () => signIn(this);
    this.timelineMax = options.timelineMax ?? TIMELINE_MAX;
    this.outbox = new Outbox(options.queueMax ?? QUEUE_MAX, options.storage);
    this.#list = new RoomList(
      (roomId) => this.unreadOf(roomId),
      () => this.emit("rooms"),
    );
    this.unread = new Unread((totals) => {
      this.#list.touch();
      this.emit("unread", totals);
    });
    const endPoint = `${this.url.replace(/^http/, "ws")}chat/socket`;
    this.#connection = new Connection(endPoint, this, new Transports(options));
    this.joined = new JoinedRooms(this.#connection, this);
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /**
   * Connects, and stays connected until {@link disconnect}: from then on what happens is told by `state`.
   *
   * @throws {ChatError} `unauthorized` when nobody is signed in or the identity is refused
   */
  connect(): Promise<void> {
    return this.#connection.open();
  }

  disconnect(): void {
    this.#connection.close();
  }

  /** Ends everything for good, and forgets the identity and all listeners. */
  destroy(): void {
    this.#connection.destroy();
    this.joined.closeAll(new ChatError("closed"));
    this.forget();
    this.rest.abort();
    this.forgetListeners();
  }

  /** The rooms that are known, the liveliest first; empty until {@link getRooms}. Kept up to date by events. */
  get rooms(): readonly RoomSummary[] {
    return this.#list.summaries;
  }

  /** Loads the rooms that the user sees: public ones, their own private ones, and conversations of two. */
  async getRooms(): Promise<readonly RoomSummary[]> {
    const told = this.#told;
    const [rooms, conversations, byActivity] = await Promise.all([
      this.rest.list("/rooms", (room) => parseRoom(room)),
      this.rest.list("/dm", parseConversation).catch(unlessTurnedOff),
      this.#loadUnread(),
    ]);
    // What began or ended meanwhile may be missing in the answers.
    if (told !== this.#told) return this.getRooms();
    this.#list.replace([...rooms, ...conversations], byActivity);
    return this.rooms;
  }

  /**
   * Joins a room, and waits until its newest messages are there; connects, if it is not connected. Joined twice it is
   * the same object, to be released as often.
   */
  async joinRoom(idOrSlug: string): Promise<Room> {
    const known = this.#list.find(idOrSlug) ?? this.joined.get(idOrSlug)?.info;
    if (known) return this.joinKnown(known);
    try {
      return await this.#join(`room:${idOrSlug}`);
    } catch (error) {
      if (asChatError(error).code !== "room_not_found") throw error;
      // The id of a conversation looks like any other.
      await this.getRooms();
      const conversation = this.#list.find(idOrSlug);
      if (!conversation) throw error;
      return this.joinKnown(conversation);
    }
  }

  /** How many messages are unread, in all rooms. */
  get unreadTotal(): number {
    return this.unread.total;
  }

  unreadOf(roomId: string): UnreadCount {
    return this.unread.of(roomId);
  }

  /** Joins a room that is known. @internal */
  joinKnown(info: RoomInfo): Promise<Room> {
    const { id, kind, peer, role } = info;
    if (role !== null && !this.#list.find(id)) this.#list.put(info);
    return this.#join(this.joined.get(id)?.topic ?? `${kind === "dm" ? "dm" : "room"}:${id}`, peer);
  }

  async #join(topic: string, peer?: UserRef): Promise<Room> {
    // Whether the connection comes about is told to the join.
    if (this.state === "idle" || this.state === "refused") void this.connect().catch(() => {});
    const room = await this.joined.join(topic, peer);
    // The user became a member after it was asked for.
    if (room.readSeq === null && room.info.role !== null) this.#quietly(this.#loadUnread());
    return room;
  }

  /** Loads how much is unread. Returns the rooms the user is in, those with the youngest messages first. */
  async #loadUnread(): Promise<string[]> {
    const since = this.unread.clock;
    const counts = asList((await this.rest.ask("GET", "/unread")).data, parseUnread);
    this.unread.replace(counts, since);
    for (const { roomId, readSeq } of counts) this.joined.get(roomId)?.knowReadMark(readSeq);
    return counts.map(({ roomId }) => roomId);
  }

  /** @internal */
  stateChanged(state: ConnectionState): void {
    if (state === "open") this.#resync();
    const refused = state === "refused";
    if (refused || state === "idle") this.joined.abandon(new ChatError(refused ? "unauthorized" : "closed"));
    this.emit("state", state);
  }

  /** Asks for what events may have been missed of. Rooms that are joined catch up by themselves. */
  #resync(): void {
    this.#quietly(this.#list.loaded ? this.getRooms() : this.#loadUnread());
  }

  /** Nobody waits for it. */
  #quietly(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.emit("error", asChatError(error)));
  }

  /** @internal */
  refused(error: ChatError): void {
    this.emit("error", error);
  }

  /** @internal */
  userEvent(name: string, payload: unknown): void {
    const fields = asFields(payload);
    if (name === "unread") {
      const count = parseUnread(payload);
      if (!count) return;
      if (count.unread > this.unreadOf(count.roomId).unread) this.#list.heard(count.roomId, new Date().toISOString());
      this.unread.update(count);
    } else if (ROOM_EVENT.test(name)) {
      const role = name === "dm_created" ? "member" : fields?.["role"];
      const room = parseRoom({ ...asFields(fields?.["room"]), role }, parseUser(fields?.["peer"]));
      if (room) this.#roleChanged(room);
    }
  }

  #roleChanged(room: RoomInfo): void {
    this.#told++;
    const { id, role } = room;
    if (role !== null || room.kind === "public") this.#list.put(room);
    else this.#list.remove(id);
    const joined = this.joined.get(id);
    joined?.setInfo({ role });
    if (role === null) this.#removed(id);
    else if (joined?.readSeq === null) this.#quietly(this.#loadUnread());
  }

  #removed(id: string): void {
    this.unread.clear(id);
    this.emit("room_removed", id);
  }

  /** @internal */
  received(room: Room, message: Message): void {
    this.#list.heard(room.id, message.insertedAt);
    this.emit("message", { room, message });
  }

  /** @internal */
  infoChanged(room: Room): void {
    if (room.info.role !== null || this.#list.find(room.id)) this.#list.put(room.info);
  }

  /** @internal */
  over(room: Room): void {
    this.joined.forget(room);
    if (room.closed?.code !== "removed") return;
    this.#removed(room.id);
    // Removed, banned or deleted: the server knows which, and what is left of it.
    this.#resync();
  }

  /** @internal */
  protected userChanged(me: UserRef | null, claimed: boolean): void {
    if (me) {
      if (!claimed) this.outbox.clear();
      for (const room of this.joined.all()) room.changeUser(me, claimed);
      this.#connection.restart();
    } else {
      this.#connection.close();
      this.joined.closeAll(new ChatError("unauthorized"));
      this.outbox.clear();
    }
    this.#list.clear();
    this.unread.replace([], Infinity);
    void this.outbox.restore(me && `${this.url} ${this.tenant ?? ""} ${me.id}`);
  }
}

/** A tenant without conversations of two has a list of none. */
function unlessTurnedOff(error: unknown): RoomInfo[] {
  if (asChatError(error).code !== "feature_disabled") throw error;
  return [];
}
