import { Emitter } from "./emitter.js";
import type { Message } from "./message.js";
import { read } from "./rest.js";
import type { Room } from "./room.js";
import { parseMessage } from "./wire.js";

/** Opens the thread under a message. The same object until it is closed. */
export function openThread(room: Room, rootId: string): Thread {
  return room.threads.get(rootId) ?? new Thread(room, rootId);
}

/** The replies under a message. Replies are sent with {@link Room.send} and its option `threadRoot`. */
export class Thread extends Emitter<{ change: void }> {
  readonly rootId: string;
  readonly #room: Room;
  #root: Message | null;
  #messages: readonly Message[] = [];
  #loads = 0;

  /** @internal */
  constructor(room: Room, rootId: string) {
    super();
    this.rootId = rootId;
    this.#room = room;
    this.#root = room.timeline.get(rootId);
    room.threads.set(rootId, this);
    room.timeline.openThread(rootId);
    this.reload();
  }

  /** The message that the thread is under; `null` until it is loaded. */
  get root(): Message | null {
    return this.#root;
  }

  /** The replies, without a hole from the newest back to what was loaded; then those being sent. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Whether there are older replies. */
  get hasMore(): boolean {
    return this.#room.timeline.hasMore(this.rootId);
  }

  get loading(): boolean {
    return this.#loads > 0;
  }

  /**
   * Loads the page before the oldest reply that is there. Returns how many came.
   *
   * @throws {ChatError}
   */
  loadEarlier(): Promise<number> {
    return this.#busy(this.#room.loadPageBefore(this.rootId));
  }

  /** Loads it anew. What fails is tried again when the room starts over. @internal */
  reload(): void {
    this.#busy(this.#load()).catch(() => {});
  }

  /** Ends it; the object is of no use after that. */
  close(): void {
    this.#room.threads.delete(this.rootId);
    this.#room.timeline.closeThread(this.rootId);
    this.forgetListeners();
  }

  /** The room's messages have changed, these perhaps not. @internal */
  update(): void {
    const root = this.#room.timeline.get(this.rootId);
    const messages = this.#room.timeline.list(this.rootId);
    const before = this.#messages;
    const same = messages.length === before.length && messages.every((message, index) => message === before[index]);
    if (same && root === this.#root) return;
    this.#root = root;
    this.#messages = messages;
    this.emit("change");
  }

  /** Loads the root, and the newest page. */
  async #load(): Promise<void> {
    const { rootId } = this;
    const { timeline, host } = this.#room;
    if (!timeline.get(rootId)) {
      const root = await read(host.rest.ask("GET", this.#room.pathOf(rootId)), parseMessage);
      timeline.tell(root, root.changedSeq);
    }
    await this.#room.loadPage(rootId);
  }

  #busy<T>(work: Promise<T>): Promise<T> {
    this.#loads += 1;
    this.emit("change");
    return work.finally(() => {
      this.#loads -= 1;
      this.emit("change");
    });
  }
}
