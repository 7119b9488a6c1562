/** How often at most the mark is sent, in milliseconds. */
const PAUSE_MS = 2_000;

/** How far the user has read in one room. It moves forward by itself, and back only when that is asked for. */
export class ReadMark {
  readonly #send: (seq: number) => void;
  /** The number up to which everything is read, if it is known. To be set to what the server says. */
  seq: number | null = null;
  #sentAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param send - tells the server, if that is possible now */
  constructor(send: (seq: number) => void) {
    this.#send = send;
  }

  /** Moves it forward, and tells the server soon. Says whether it has moved. */
  advance(seq: number): boolean {
    if (seq <= (this.seq ?? -1)) return false;
    this.seq = seq;
    this.#timer ??= setTimeout(() => this.flush(), this.#sentAt + PAUSE_MS - Date.now());
    return true;
  }

  /** Tells the server now. What it knows already does no harm. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sentAt = Date.now();
    if (this.seq !== null) this.#send(this.seq);
  }

  /** Forgets it, and what was still to be told. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.seq = null;
  }
}
