import type { Connection } from "./connection.js";
import { ChatError } from "./error.js";
import type { RoomInfo, UserRef } from "./model.js";
import type { RoomHost } from "./message-room.js";
import { Room } from "./room.js";
import { parseJoinReply } from "./room-wire.js";
import type { Topic } from "./topic.js";

/** Rooms that are joined, each once, however many have asked for it. */
export class JoinedRooms {
  readonly #connection: Connection;
  readonly #host: RoomHost;
  readonly #rooms = new Map<string, { room: Room; uses: number }>();
  /** Joins that have not come to an end, by topic, and how to give them up. */
  readonly #joining = new Map<string, Joining>();

  constructor(connection: Connection, host: RoomHost) {
    this.#connection = connection;
    this.#host = host;
  }

  /** Every room that is joined. */
  all(): Room[] {
    return [...this.#rooms.values()].map(({ room }) => room);
  }

  get(id: string): Room | undefined {
    return this.#rooms.get(id)?.room;
  }

  /** Joins a topic. Each call asks for one {@link release}. */
  async join(topic: string, peer?: UserRef): Promise<Room> {
    const known = this.all().find((room) => room.topic === topic);
    const room = known ?? (await (this.#joining.get(topic) ?? this.#open(topic, peer)).room);
    const entry = this.#rooms.get(room.id);
    if (!entry) throw room.closed ?? new ChatError("closed");
    entry.uses += 1;
    return room;
  }

  release(id: string): void {
    const entry = this.#rooms.get(id);
    if (entry && entry.uses > 0) entry.uses -= 1;
    this.leaveIfDone(id);
  }

  /** Leaves a room that nobody has asked for any more, and from which nothing waits to be sent. */
  leaveIfDone(id: string): void {
    const entry = this.#rooms.get(id);
    if (entry?.uses === 0 && this.#host.outbox.waiting(id).length === 0) entry.room.close(new ChatError("released"));
  }

  /** A room is over. */
  forget(room: Room): void {
    this.#rooms.delete(room.id);
  }

  /** Gives up joins that will not come to an end. */
  abandon(error: ChatError): void {
    for (const { abandon } of this.#joining.values()) abandon(error);
  }

  closeAll(error: ChatError): void {
    this.abandon(error);
    for (const room of this.all()) room.close(error);
  }

  #open(name: string, peer?: UserRef): Joining {
    let abandon = (_error: ChatError) => {};
    const room = new Promise<Room>((resolve, reject) => {
      let room: Room | null = null;
      const topic = this.#connection.topic(name, {
        params: () => room?.joinParams() ?? {},
        joined: (response) => {
          const reply = parseJoinReply(response, peer);
          if (!reply) {
            abandon(new ChatError("protocol"));
            return;
          }
          room ??= this.#arrive(topic, reply.room);
          if (room.topic === name) room.joined(reply);
          void room.started.then(() => room && resolve(room));
        },
        event: (event, payload) => room?.event(event, payload),
        down: () => room?.down(),
        over: (error) => {
          if (room) room.close(error);
          reject(error);
        },
      });
      abandon = (error) => {
        topic.leave();
        reject(error);
      };
    }).finally(() => this.#joining.delete(name));
    const joining = { room, abandon };
    this.#joining.set(name, joining);
    return joining;
  }

  /** The room of a topic that is joined: a new one, unless it is joined under its other name already. */
  #arrive(topic: Topic, info: RoomInfo): Room {
    const known = this.get(info.id);
    if (known) {
      topic.leave();
      return known;
    }
    const room = new Room(this.#host, topic, info);
    this.#rooms.set(info.id, { room, uses: 0 });
    return room;
  }
}

interface Joining {
  room: Promise<Room>;
  abandon(error: ChatError): void;
}
