import type { Socket, Transport } from "phoenix";
import { backoff } from "./backoff.js";
import { ChatError } from "./error.js";
import { asCount, asFields } from "./fields.js";
import type { ConnectionState } from "./model.js";
import { officialSocket } from "./official-socket.js";
import { isOffline, watchPage } from "./page-watch.js";
import { asChatError } from "./refusals.js";
import type { Credentials } from "./rest.js";
import { Topic, type TopicHandlers } from "./topic.js";
import type { Transports } from "./transports.js";

/** Close codes that ask for something else than trying again; docs/errors.md has all of them. */
const TOKEN_ENDED = 4401;
const GOING_AWAY = 1001;

/** What will not be otherwise by trying again. */
const FINAL = /^((origin|guests)_not_allowed|tenant_(suspended|not_found))$/;

/** How many tokens in a row may be refused before the identity is. */
const REFUSED_TOKENS_MAX = 2;

/** How long the answer to a sign of life may take, in milliseconds. */
const PULSE_MS = 5_000;

/** Longest time that timers know, in milliseconds. */
const NEVER_MS = 2 ** 31 - 1;

/** Whose connection it is. */
export interface ConnectionHost extends Credentials {
  /**
   * Asks the server whose session a token is.
   *
   * @throws {ChatError} `unauthorized` when it is none; `offline` or `unavailable` when nobody knows
   */
  sessionOf(token: string): Promise<object>;
  stateChanged(state: ConnectionState): void;
  /** Something on the user's own topic. */
  userEvent(name: string, payload: unknown): void;
  /** The identity was refused. */
  refused(error: ChatError): void;
}

/**
 * One user's connection, kept for as long as it is wanted.
 *
 * The official client carries it, but does not decide when to connect: see {@link officialSocket} and
 * {@link Transports} for the reasons. It is open once the user's own topic is joined, which shows that frames get
 * through in both directions.
 */
export class Connection {
  readonly #host: ConnectionHost;
  readonly #transports: Transports;
  readonly #socket: Socket;
  #transport: Transport;
  #state: ConnectionState = "idle";
  #self: Topic | null = null;
  /** Counts attempts; what belongs to an earlier one has nothing to say any more. */
  #attempt = 0;
  /** Whether the socket is to be open: its end is a loss then, and of our making otherwise. */
  #dialled = false;
  #failures = 0;
  #refusals = 0;
  /** The token that the socket was opened with, or that it stands on since. */
  #token: string | null = null;
  /** The token that the server does not take any more. */
  #refusedToken: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | null = null;
  /** Told to whoever waits for the connection. */
  #waiting: ((error?: ChatError) => void)[] = [];

  constructor(endPoint: string, host: ConnectionHost, transports: Transports) {
    this.#host = host;
    this.#transports = transports;
    this.#transport = transports.next();
    this.#socket = officialSocket(endPoint, {
      transport: this.#transport,
      authToken: () => host.token ?? "",
      rejoinAfterMs: (tries) => backoff(tries),
      // Asked for when it would connect again: that is how it tells of a heartbeat without an answer.
      reconnectAfterMs: () => {
        const attempt = this.#attempt;
        queueMicrotask(() => attempt === this.#attempt && this.#lost());
        return NEVER_MS;
      },
    });
    this.#socket.onClose((event) => this.#lost(asCount(asFields(event)?.["code"])));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connects, and stays connected. Settles when it is open, or refused, or not wanted any more. */
  async open(): Promise<void> {
    if (this.#state === "closed") throw new ChatError("closed");
    if (this.#state === "open") return;
    const opened = new Promise<void>((resolve, reject) => {
      this.#waiting.push((error) => (error ? reject(error) : resolve()));
    });
    this.#unwatch ??= watchPage({ awake: () => this.#awake(), asleep: () => this.#suspend() });
    if (this.#state === "idle" || this.#state === "refused") this.#begin();
    await opened;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#end();
    this.#settle(new ChatError("closed"));
    this.#set("idle");
  }

  /** Closes for good. */
  destroy(): void {
    this.close();
    this.#set("closed");
  }

  /** Somebody else is the user now: connects anew, if a connection is wanted. */
  restart(): void {
    if (!this.#unwatch) return;
    this.#end();
    this.#begin();
  }

  /** Joins a topic, now or when it is connected, and again after each loss. */
  topic(name: string, handlers: TopicHandlers): Topic {
    return new Topic(this.#socket, name, handlers);
  }

  #begin(): void {
    this.#failures = 0;
    this.#refusals = 0;
    void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#stop();
    const attempt = this.#attempt;
    this.#set("connecting");
    try {
      const me = await this.#host.settled();
      const token = this.#host.token;
      if (token !== null && token === this.#refusedToken && !(await this.#host.renew(token))) {
        throw new ChatError("unauthorized");
      }
      if (attempt !== this.#attempt) return;
      this.#token = this.#host.token;
      this.#timer = setTimeout(() => this.#lost(), this.#dial());
      this.#self ??= this.#ownTopic(me.id);
    } catch (error) {
      if (attempt === this.#attempt) this.#failed(asChatError(error));
    }
  }

  /** Opens the socket. Says how long that may take, in milliseconds. */
  #dial(): number {
    const transport = this.#transports.next();
    if (transport !== this.#transport) this.#socket.replaceTransport(transport);
    this.#transport = transport;
    this.#dialled = true;
    this.#socket.connect();
    return this.#transports.patience(transport);
  }

  #ownTopic(userId: string): Topic {
    return this.topic(`user:${userId}`, {
      params: () => ({}),
      joined: () => this.#opened(),
      event: (name, payload) => {
        if (name === "token_expiring") this.#refreshToken().catch(() => {});
        else this.#host.userEvent(name, payload);
      },
      over: () => {
        this.#self = null;
        this.#lost(TOKEN_ENDED);
      },
    });
  }

  #opened(): void {
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#refusals = 0;
    this.#refusedToken = null;
    this.#transports.worked(this.#transport);
    this.#set("open");
    this.#settle();
  }

  /** The socket is gone, or was never there. */
  #lost(code?: number): void {
    if (!this.#dialled) return;
    const wasOpen = this.#state === "open";
    this.#stop();
    if (wasOpen) this.#transports.ended(this.#transport);
    this.#wait();
    void this.#diagnose(code, wasOpen);
  }

  /** Finds out whether it is the token, the network, or what carries the socket. Browsers do not tell. */
  async #diagnose(code: number | undefined, wasOpen: boolean): Promise<void> {
    const attempt = this.#attempt;
    try {
      if (code === TOKEN_ENDED) throw new ChatError("unauthorized");
      if (!wasOpen || code === GOING_AWAY) await this.#host.sessionOf(this.#host.token ?? "");
      if (attempt !== this.#attempt) return;
      if (!wasOpen) this.#transports.failed(this.#transport);
      // The server is there: what failed first may work at once in another way.
      this.#later(wasOpen || this.#failures > 0 ? undefined : 0);
    } catch (error) {
      if (attempt === this.#attempt) this.#failed(asChatError(error));
    }
  }

  /** Tries again, unless what failed was the identity. */
  #failed(error: ChatError): void {
    const refused = error.code === "unauthorized";
    if (refused && this.#token !== null && this.#refusedToken !== this.#token && this.#refusals < REFUSED_TOKENS_MAX) {
      this.#refusals += 1;
      this.#refusedToken = this.#token;
      this.#later(this.#refusals === 1 ? 0 : undefined);
    } else if (refused || FINAL.test(error.code)) {
      this.#stop();
      this.#set("refused");
      this.#settle(error);
      this.#host.refused(error);
    } else {
      this.#later();
    }
  }

  #later(pause = backoff(this.#failures + 1)): void {
    this.#wait();
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), pause);
  }

  #wait(): void {
    this.#set(isOffline() ? "offline" : "waiting");
  }

  /** The device has no network, or the page may be put away: better to know at once than to find out. */
  #suspend(): void {
    if (this.#state === "refused") return;
    this.#stop();
    this.#later();
  }

  #awake(): void {
    if (this.#state === "waiting" || this.#state === "offline") {
      this.#failures = 0;
      this.#transports.forget();
      void this.#connect();
    } else if (this.#state === "open") {
      clearTimeout(this.#pulse);
      this.#pulse = setTimeout(() => this.#lost(), PULSE_MS);
      this.#socket.ping(() => clearTimeout(this.#pulse));
    }
  }

  /** Brings the server a new token before the one ends that the socket stands on; after that it would be closed. */
  async #refreshToken(): Promise<void> {
    const attempt = this.#attempt;
    if (this.#token === null || !(await this.#host.renew(this.#token))) return;
    const { token } = this.#host;
    await this.#self?.push("token_refresh", { token });
    if (attempt === this.#attempt) this.#token = token;
  }

  /** Ends the attempt or the connection there is. */
  #stop(): void {
    this.#attempt += 1;
    this.#dialled = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#pulse);
    this.#socket.disconnect();
  }

  /** Ends it, and leaves the user's own topic, which the next connection has its own of. */
  #end(): void {
    this.#stop();
    this.#self?.leave();
    this.#self = null;
  }

  #settle(error?: ChatError): void {
    for (const settle of this.#waiting.splice(0)) settle(error);
  }

  #set(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#host.stateChanged(state);
  }
}
