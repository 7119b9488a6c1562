import type { UserRef } from "./model.js";

/** After so long without another notice somebody does not type any more, in milliseconds. */
const EXPIRY_MS = 6_000;

/** How often at most it is told that the user types, in milliseconds. */
const NOTICE_MS = 3_000;

/** Who else types. */
export class TypingUsers {
  readonly #changed: () => void;
  readonly #typing = new Map<string, { user: UserRef; timer: ReturnType<typeof setTimeout> }>();
  /** The same list until something changes; who began first comes first. */
  users: readonly UserRef[] = [];

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  started(user: UserRef): void {
    const before = this.#typing.get(user.id);
    clearTimeout(before?.timer);
    this.#typing.set(user.id, { user, timer: setTimeout(() => this.stopped(user.id), EXPIRY_MS) });
    if (!before) this.#update();
  }

  stopped(userId: string): void {
    clearTimeout(this.#typing.get(userId)?.timer);
    if (this.#typing.delete(userId)) this.#update();
  }

  clear(): void {
    for (const id of [...this.#typing.keys()]) this.stopped(id);
  }

  #update(): void {
    this.users = [...this.#typing.values()].map(({ user }) => user);
    this.#changed();
  }
}

/** Tells the others that the user types, not more often than is of use. */
export class TypingNotice {
  readonly #tell: (event: "typing" | "stop_typing") => void;
  #toldAt = 0;

  constructor(tell: (event: "typing" | "stop_typing") => void) {
    this.#tell = tell;
  }

  /** To be called at each key. */
  start(): void {
    const now = Date.now();
    if (now - this.#toldAt < NOTICE_MS) return;
    this.#toldAt = now;
    this.#tell("typing");
  }

  stop(): void {
    if (Date.now() - this.#toldAt < EXPIRY_MS) this.#tell("stop_typing");
    this.sent();
  }

  /** A message was sent, which ends it by itself. */
  sent(): void {
    this.#toldAt = 0;
  }
}
