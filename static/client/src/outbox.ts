import { backoff } from "./backoff.js";
import type { ChatError } from "./error.js";
import type { QueuedMessage, QueueStorage } from "./options.js";
import { asChatError } from "./refusals.js";

/** After these a message is sent again, under the same id; any other refusal is final. */
const PASSING = /^(rate_limited|slow_mode|unavailable|internal_error|overloaded|timeout|unmatched_topic)$/;

/** How long what is sent waits for the storage to be read, in milliseconds. */
const READING_MS = 1_500;

/** A room, as the outbox sees it. */
export interface Sender {
  /** Whether messages can be delivered now. */
  readonly ready: boolean;
  /** @throws {ChatError} the refusal; `offline` when the connection was lost on the way */
  deliver(message: QueuedMessage): Promise<void>;
  /** A message is delivered, or refused for good. */
  settled(clientId: string, refusal?: ChatError): void;
  /** The server wants a message to wait. */
  postponed(error: ChatError): void;
  /** All that waits for the room, in order; some of it from before. */
  restored(messages: readonly QueuedMessage[]): void;
}

/** A room's line: one message is on its way at a time, or waited with. */
interface Line {
  readonly sender: Sender;
  busy: boolean;
  failures: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Messages that wait to be sent.
 *
 * Each room has its line, which goes one by one, in order: who is told to wait by the server does not let the next one
 * pass. All lines together are bounded.
 */
export class Outbox {
  readonly #max: number;
  readonly #storage: QueueStorage | undefined;
  readonly #lines = new Map<string, Line>();
  #queue: QueuedMessage[] = [];
  /** Whose messages are kept in the storage. */
  #owner: string | null = null;
  /** Runs while the storage is being read: what it has goes first. */
  #reading: ReturnType<typeof setTimeout> | undefined;

  constructor(max: number, storage: QueueStorage | undefined) {
    this.#max = max;
    this.#storage = storage;
  }

  /** Puts a message at the end of its room's line; `false` when too many wait already. */
  add(message: QueuedMessage): boolean {
    if (this.#queue.length >= this.#max) return false;
    this.#queue.push(message);
    if (this.#owner !== null) this.#storage?.add(this.#owner, message).catch(() => {});
    void this.#pump(message.roomId);
    return true;
  }

  /** Takes a message out, because it has arrived, or is not to be sent any more. */
  remove(clientId: string): void {
    this.#queue = this.#queue.filter((message) => message.clientId !== clientId);
    if (this.#owner !== null) this.#storage?.remove(this.#owner, clientId).catch(() => {});
  }

  /** What waits for a room, in order. */
  waiting(roomId: string): QueuedMessage[] {
    return this.#queue.filter((message) => message.roomId === roomId);
  }

  /** Connects a room with its line. What waits there is told to it. */
  attach(roomId: string, sender: Sender): void {
    this.#lines.set(roomId, { sender, busy: false, failures: 0, timer: undefined });
    sender.restored(this.waiting(roomId));
  }

  /** The room can deliver again, or is to try at once. */
  wake(roomId: string): void {
    this.#stopWaiting(this.#lines.get(roomId));
    void this.#pump(roomId);
  }

  /** Takes up what the user left unsent in another life of the page. `owner` is `null` for nobody. */
  async restore(owner: string | null): Promise<void> {
    this.#owner = owner;
    this.#goOn();
    if (owner === null || !this.#storage) return;
    this.#reading = setTimeout(() => this.#goOn(), READING_MS);
    const kept = await this.#storage.load(owner).catch(() => []);
    if (this.#owner !== owner) return;
    const older = kept.filter((message) => !this.#queue.some(({ clientId }) => clientId === message.clientId));
    this.#queue.unshift(...older);
    if (older.length > 0) for (const [roomId, { sender }] of this.#lines) sender.restored(this.waiting(roomId));
    this.#goOn();
  }

  /** Forgets all messages, but not what the storage has. */
  clear(): void {
    this.#queue = [];
    for (const line of this.#lines.values()) this.#stopWaiting(line);
  }

  async #pump(roomId: string): Promise<void> {
    const line = this.#lines.get(roomId);
    const [message] = this.waiting(roomId);
    if (!message || !line?.sender.ready || line.busy || (line.timer ?? this.#reading) !== undefined) return;
    const { clientId } = message;
    const { sender } = line;
    line.busy = true;
    try {
      await sender.deliver(message);
      line.failures = 0;
      this.remove(clientId);
      sender.settled(clientId);
    } catch (thrown) {
      const error = asChatError(thrown);
      if (PASSING.test(error.code)) {
        line.failures += 1;
        line.timer = setTimeout(() => this.wake(roomId), error.retryAfterMs ?? backoff(line.failures));
        if (error.retryAfterMs !== undefined) sender.postponed(error);
      } else if (error.code !== "offline") {
        this.remove(clientId);
        sender.settled(clientId, error);
      }
    }
    line.busy = false;
    void this.#pump(roomId);
  }

  /** Waits for the storage no longer. */
  #goOn(): void {
    clearTimeout(this.#reading);
    this.#reading = undefined;
    for (const roomId of this.#lines.keys()) void this.#pump(roomId);
  }

  #stopWaiting(line: Line | undefined): void {
    clearTimeout(line?.timer);
    if (line) line.timer = undefined;
  }
}
