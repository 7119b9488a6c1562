import { Emitter } from "./emitter.js";
import { ChatError } from "./error.js";
import type { Message } from "./message.js";
import type { ConnectionState, UnreadTotals, UserRef } from "./model.js";
import type { Options } from "./options.js";
import { read, Rest } from "./rest.js";
import type { Room } from "./room.js";
import { parseUser } from "./wire.js";

export interface ParlourEvents {
  state: ConnectionState;
  unread: UnreadTotals;
  /** The list of rooms has changed. */
  rooms: void;
  /** The user is no longer in the room with this id, or it was deleted. */
  room_removed: string;
  /** Who the user is, or `null` after signing out. */
  identity: UserRef | null;
  /** Somebody else wrote in a room that is joined. */
  message: { room: Room; message: Message };
  /** Something failed that no call is waiting for. */
  error: ChatError;
}

/** What signing in comes to. */
export interface Session {
  user: UserRef;
  token: string;
  guestKey?: string;
  /** Whether the user has taken over what the guest wrote. */
  claimed?: boolean;
}

/** Asks for another session when the token of the last one has ended: the website, or by a guest's key. */
type Source = (() => Promise<Session>) | null;

/** Who the user is, and the token that says so. Both are kept in memory only. */
export abstract class Account extends Emitter<ParlourEvents> {
  /** Base of the server, with a slash at its end. */
  readonly url: string;
  readonly tenant: string | undefined;
  /** @internal */
  protected readonly rest: Rest;
  #me: UserRef | null = null;
  #token: string | null = null;
  #guestKey: string | null;
  #source: Source = null;
  /** Signs in whom the options name, until somebody has signed in. @internal */
  protected initial: (() => Promise<UserRef>) | null = null;
  #settling: Promise<UserRef> | null = null;
  #renewing: Promise<boolean> | null = null;
  /** Settles when whoever is signing in has done so, or has not. */
  #signing: Promise<unknown> | null = null;
  /** Counts who signs in, so that whoever comes last is the one who is signed in. */
  #turn = 0;

  constructor({ url, tenant, fetch, guestKey }: Options) {
    super();
    const base = new URL(url, globalThis.location?.href);
    base.pathname = base.pathname.replace(/\/*$/, "/");
    this.url = base.href;
    this.tenant = tenant;
    this.rest = new Rest(this.url, tenant, fetch, this);
    this.#guestKey = guestKey ?? null;
  }

  /** Somebody else is the user; `claimed`: under another id, the same person. @internal */
  protected abstract userChanged(me: UserRef | null, claimed: boolean): void;

  /** Who the user is; `null` while nobody is signed in. */
  get me(): UserRef | null {
    return this.#me;
  }

  /** The session's token. Whoever has it is the user: it belongs into no log and no address. */
  get token(): string | null {
    return this.#token;
  }

  /** What a guest comes back with; the same care applies. `null` for everybody else. */
  get guestKey(): string | null {
    return this.#guestKey;
  }

  /**
   * Signs in with a session that was asked for. Whoever comes last is the one who is signed in.
   *
   * @internal
   * @param source - where another one comes from when its token has ended
   * @throws {ChatError} why there is none; `closed` when somebody else has signed in meanwhile
   */
  async signIn(asked: Promise<Session>, source: Source = null): Promise<UserRef> {
    this.#turn += 1;
    this.#signing = asked.catch(() => {});
    return this.#become(this.#turn, await asked, source);
  }

  /**
   * The user; the one whom the options name, if nobody has signed in since.
   *
   * @internal
   * @throws {ChatError} `unauthorized` when there is nobody
   */
  async settled(): Promise<UserRef> {
    if (this.#me) return this.#me;
    if (!this.initial) throw new ChatError("unauthorized");
    this.#settling ??= this.initial().finally(() => {
      this.#settling = null;
    });
    return this.#settling;
  }

  /**
   * Gets another token than one that was refused. Signing in may be what ended that one, before its answer is here:
   * what it is asked with must not wait for this.
   *
   * @internal
   */
  renew(refused: string): Promise<boolean> {
    this.#renewing ??= this.#renew(refused).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** Forgets who the user is. @internal */
  forget(): void {
    this.#turn += 1;
    this.#guestKey = null;
    this.#set(null, null, null, false);
  }

  async #renew(refused: string): Promise<boolean> {
    const turn = this.#turn;
    await this.#signing;
    const source = this.#source;
    if (this.#token === refused && source) {
      const fresh = await source();
      if (turn === this.#turn) this.#become(turn, fresh, source);
    }
    if (turn !== this.#turn) return this.#renew(refused);
    return this.#token !== null && this.#token !== refused;
  }

  #become(turn: number, { user, token, guestKey, claimed = false }: Session, source: Source): UserRef {
    // Somebody else has signed in meanwhile.
    if (turn !== this.#turn) throw new ChatError("closed");
    this.#guestKey = claimed ? null : (guestKey ?? this.#guestKey);
    this.#set(user, token, source, claimed);
    return user;
  }

  #set(me: UserRef | null, token: string | null, source: Source, claimed: boolean): void {
    const before = this.#me;
    this.initial = null;
    this.#me = me;
    this.#token = token;
    this.#source = source;
    if (before?.id !== me?.id) this.userChanged(me, claimed);
    if (before?.id !== me?.id || before?.name !== me?.name) this.emit("identity", me);
  }

  /**
   * The session of a token.
   *
   * @internal
   * @throws {ChatError} `unauthorized` when it is none; `offline` or `unavailable` when nobody knows
   */
  async sessionOf(token: string): Promise<Session> {
    return { token, user: await read(this.rest.askAs(token, "GET", "/auth/me"), parseUser) };
  }

}
