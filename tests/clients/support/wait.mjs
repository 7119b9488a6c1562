// @ts-check
/** How long a test waits for what has to happen, in milliseconds. */
export const DEADLINE_MS = 20_000;

/**
 * What arrived and nobody has taken yet, in order. Waiting has a deadline, and says what did arrive.
 *
 * @template T
 */
export class Mailbox {
  /** @type {T[]} */
  #items = [];
  /** @type {T[]} */
  #seen = [];
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** @param {T} item */
  put(item) {
    this.#items.push(item);
    this.#seen.push(item);
    for (const look of [...this.#waiting]) look();
  }

  /**
   * Takes the first item that matches; waits for it if need be. Items before it stay.
   *
   * @param {(item: T) => boolean} [matches]
   * @param {string} [what]
   * @param {number} [ms]
   * @returns {Promise<T>}
   */
  take(matches = () => true, what = "an item", ms = DEADLINE_MS) {
    // The stack of whoever waits tells more than that of a timer.
    const late = new Error();
    return new Promise((resolve, reject) => {
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      const look = () => {
        const index = this.#items.findIndex(matches);
        if (index < 0) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(/** @type {T} */ (this.#items.splice(index, 1)[0]));
      };
      timer = setTimeout(() => {
        this.#waiting.delete(look);
        const arrived = JSON.stringify(this.#seen)?.slice(0, 2000);
        late.message = `${this.name}: no ${what} within ${ms} ms; so far: ${arrived}`;
        reject(late);
      }, ms);
      this.#waiting.add(look);
      look();
    });
  }

  /**
   * Everything that ever arrived and matches, taken or not.
   *
   * @param {(item: T) => boolean} [matches]
   * @returns {T[]}
   */
  seen(matches = () => true) {
    return this.#seen.filter(matches);
  }

  /** Forgets what has arrived so far. */
  clear() {
    this.#items = [];
    this.#seen = [];
  }
}

/**
 * Waits until something that announces itself in no other way has come true.
 *
 * @template T
 * @param {() => T | Promise<T>} probe
 * @param {string} what
 * @param {number} [ms]
 * @returns {Promise<NonNullable<T>>}
 */
export async function eventually(probe, what, ms = DEADLINE_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return /** @type {NonNullable<T>} */ (found);
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {string} what
 * @param {number} [ms]
 * @returns {Promise<T>}
 */
export function within(promise, what, ms = DEADLINE_MS) {
  const late = new Error(`not within ${ms} ms: ${what}`);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
