import type { Channel, Socket } from "phoenix";
import { ChatError } from "./error.js";
import { replyError } from "./refusals.js";

/** What happens on a topic. */
export interface TopicHandlers {
  /** The params of the next join. */
  params(): object;
  /** It is joined, for the first time or again. */
  joined(response: unknown): void;
  event(name: string, payload: unknown): void;
  /** It is not joined any more, for now: the connection or the channel broke. */
  down?(): void;
  /** It is over: the server does not let the user in, or has ended it. */
  over(error: ChatError): void;
}

/** Refusals after which it is of no use to join again. */
const FINAL = /^(unmatched_topic|room_not_found|unauthorized|banned|too_many_channels_joined)$/;

/** One channel of the official client, from its first join to its end. It joins again by itself. */
export class Topic {
  readonly name: string;
  readonly #channel: Channel;
  readonly #handlers: TopicHandlers;
  readonly #waiting = new Set<(error: ChatError) => void>();
  /** Whether it is joined now. */
  joined = false;
  #over = false;

  constructor(socket: Socket, name: string, handlers: TopicHandlers) {
    this.name = name;
    this.#handlers = handlers;
    this.#channel = socket.channel(name, () => handlers.params());
    this.#channel.onMessage = (event, payload) => {
      if (this.joined && !/^(phx|chan_reply)_/.test(event)) {
        handlers.event(event, payload);
      }
      return payload;
    };
    this.#channel.onError(() => this.#broke());
    this.#channel.onClose(() => this.#end(new ChatError("removed")));
    this.#channel
      .join()
      .receive("ok", (response) => {
        if (this.#over) return;
        this.joined = true;
        handlers.joined(response);
      })
      .receive("error", (response) => {
        const error = replyError(response);
        // After anything else the official client tries again.
        if (FINAL.test(error.code)) this.#end(error);
      });
  }

  /**
   * Sends an event, and waits for the reply.
   *
   * @throws {ChatError} the server's refusal; `offline` when it is not joined, or not any more; `timeout`
   */
  push(event: string, payload: object): Promise<unknown> {
    if (!this.joined) return Promise.reject(new ChatError("offline"));
    let lost = (_error: ChatError) => {};
    const reply = new Promise<unknown>((resolve, reject) => {
      lost = reject;
      this.#waiting.add(reject);
      this.#channel
        .push(event, payload)
        .receive("ok", resolve)
        .receive("error", (response) => reject(replyError(response)))
        .receive("timeout", () => reject(new ChatError("timeout")));
    });
    return reply.finally(() => this.#waiting.delete(lost));
  }

  /** Sends an event whose answer does not matter, if it can be sent now. */
  tell(event: string, payload: object): void {
    // The timer that waits for the answer ends at once.
    if (this.joined) this.#channel.push(event, payload, 1);
  }

  /** Leaves. No handler is called after this. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#broke();
    this.#channel.leave();
  }

  #broke(): void {
    const wasJoined = this.joined;
    this.joined = false;
    for (const reject of this.#waiting) reject(new ChatError("offline"));
    this.#waiting.clear();
    if (wasJoined && !this.#over) this.#handlers.down?.();
  }

  #end(error: ChatError): void {
    if (this.#over) return;
    this.leave();
    this.#handlers.over(error);
  }
}
