import { LongPoll, type Transport } from "phoenix";
import type { Options } from "./options.js";

/** How often WebSockets have to fail, where one has worked before, until something seems to be in their way. */
const SUSPICIOUS_FAILURES = 3;

/** How long a WebSocket may take to prove itself, in milliseconds, where a long poll can be tried instead. */
const PROOF_MS = 5_000;
const PATIENT_PROOF_MS = 12_000;

/**
 * Chooses between WebSocket and long poll.
 *
 * The official client's own fallback does not do: it takes a server that restarts for a network that lets no WebSocket
 * through, and stays with long polls from then on. Here a failure counts only if the server answers a plain request at
 * the same time.
 */
export class Transports {
  readonly #webSocket: Transport | null;
  readonly #longPoll: boolean;
  #worked = false;
  #failures = 0;

  constructor({ transport = "auto", WebSocket }: Pick<Options, "transport" | "WebSocket">) {
    this.#webSocket = transport === "longpoll" ? null : (WebSocket ?? globalThis.WebSocket ?? null);
    this.#longPoll = transport !== "websocket";
  }

  /** What the next attempt is to use. */
  next(): Transport {
    const blocked = this.#failures >= (this.#worked ? SUSPICIOUS_FAILURES : 1);
    return this.#webSocket && !(blocked && this.#longPoll) ? this.#webSocket : LongPoll;
  }

  /** How long an attempt may take, in milliseconds. */
  patience(transport: Transport): number {
    return transport === LongPoll || !this.#longPoll || this.#worked ? PATIENT_PROOF_MS : PROOF_MS;
  }

  /** It carried a conversation. */
  worked(transport: Transport): void {
    if (transport === LongPoll) return;
    this.#worked = true;
    this.#failures = 0;
  }

  /** It failed, and it was not the server or the whole network. */
  failed(transport: Transport): void {
    this.#failures = transport === LongPoll ? 0 : this.#failures + 1;
  }

  /** A connection that had worked has ended. */
  ended(transport: Transport): void {
    // The network may be another one now: one attempt with a WebSocket, where one has worked before.
    if (transport === LongPoll && this.#worked) this.#failures = SUSPICIOUS_FAILURES - 1;
  }

  /** The network may be another one. */
  forget(): void {
    this.#failures = 0;
  }
}
