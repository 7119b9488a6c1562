import { login } from "./accounts.js";
import { ChatError } from "./error.js";
import type { Message } from "./message.js";
import type { RoomInfo, UserRef } from "./model.js";
import type { WebSocketClass } from "./options.js";
import { Parlour } from "./parlour.js";
import type { Room } from "./room.js";

export interface ErlexChatOptions {
  /** Base of the server: `https://chat.example`. */
  baseUrl: string;
  /** Slug or public key of the tenant. */
  tenant?: string | undefined;
  /** Used in place of the global one. */
  fetch?: typeof fetch | undefined;
  /** Used in place of the global one. */
  WebSocket?: WebSocketClass | undefined;
}

/** What is called when something happens in a room. */
export interface RoomCallbacks {
  /** Somebody has written, the user too; once for each message. */
  onMessage?: ((message: Message) => void) | undefined;
  onTyping?: ((user: UserRef) => void) | undefined;
  /** Who is there, whenever that changes. */
  onPresence?: ((users: readonly UserRef[]) => void) | undefined;
  /** The newest messages, oldest first: when the room is joined, before anything else. */
  onHistory?: ((messages: readonly Message[]) => void) | undefined;
}

/**
 * The class of the same name that pages of the original server were written for: pages that use it go on with another
 * import. What it does not have is in {@link Parlour}, which it stands on.
 */
export class ErlexChat {
  /** What it stands on. */
  readonly parlour: Parlour;
  readonly #rooms = new Map<string, Room>();

  constructor({ baseUrl, ...options }: ErlexChatOptions) {
    this.parlour = new Parlour({ url: baseUrl, ...options });
  }

  login(username: string, password: string): Promise<UserRef> {
    return login(this.parlour, username, password);
  }

  connect(): Promise<void> {
    return this.parlour.connect();
  }

  async joinRoom(roomId: string, { onMessage, onTyping, onPresence, onHistory }: RoomCallbacks = {}): Promise<void> {
    const room = await this.parlour.joinRoom(roomId);
    this.#rooms.set(roomId, room);
    onHistory?.(room.messages);

    let newest = newestSeq(room);
    room.on("change", () => {
      const fresh = room.messages.filter(({ seq }) => seq !== null && seq > newest);
      newest = Math.max(newest, newestSeq(room));
      for (const message of fresh) onMessage?.(message);
    });

    let typing: ReadonlySet<string> = new Set();
    room.on("typing", () => {
      const before = typing;
      typing = new Set(room.typing.map(({ id }) => id));
      for (const user of room.typing) if (!before.has(user.id)) onTyping?.(user);
    });

    room.on("presence", () => onPresence?.(room.presence.users));
    onPresence?.(room.presence.users);
  }

  /**
   * Sends a message to a room that is joined. Settles when the server has it.
   *
   * @throws {ChatError} the server's refusal; `not_joined` without a {@link joinRoom} before
   */
  sendMessage(roomId: string, content: string): Promise<void> {
    const room = this.#rooms.get(roomId);
    if (!room) return Promise.reject(new ChatError("not_joined"));
    const { key } = room.send(content);
    return new Promise((resolve, reject) => {
      const look = () => {
        const message = room.messages.findLast((candidate) => candidate.key === key);
        if (message?.state === "pending") return;
        stop();
        if (message?.failure) reject(message.failure);
        else resolve();
      };
      const stop = room.on("change", look);
      look();
    });
  }

  async getRooms(): Promise<readonly RoomInfo[]> {
    return (await this.parlour.getRooms()).map(({ info }) => info);
  }

  disconnect(): void {
    this.parlour.disconnect();
  }
}

/** The number of the newest message that the server has. */
function newestSeq(room: Room): number {
  return room.messages.findLast(({ seq }) => seq !== null)?.seq ?? 0;
}
