// What is kept in the visitor's browser, so that somebody who comes back is the same one.
import { attempt, read, write } from "../storage.ts";

/** What one tenant's chat keeps of the visitor. Reading and writing touch the storage, so both wait for consent. */
export class Kept {
  readonly #guest: string;
  readonly #token: string;
  /** The name of the database with messages that wait to be sent. */
  readonly unsent: string;

  constructor(server: string, tenant: string | undefined) {
    const prefix = `parlour:${server}:${tenant ?? ""}`;
    this.unsent = `${prefix}:unsent`;
    this.#guest = `${prefix}:guest`;
    this.#token = `${prefix}:token`;
  }

  /** The key of the guest that the visitor is; stays in the browser. */
  get guestKey(): string | null {
    return read("localStorage", this.#guest);
  }

  set guestKey(key: string | null) {
    write("localStorage", this.#guest, key);
  }

  /** The session of the account that the visitor signed in to; ends with the tab. */
  get token(): string | null {
    return read("sessionStorage", this.#token);
  }

  set token(token: string | null) {
    write("sessionStorage", this.#token, token);
  }

  /** Whether the visitor was here before. */
  get isKnown(): boolean {
    return this.guestKey !== null || this.token !== null;
  }

  forget(): void {
    this.guestKey = null;
    this.token = null;
    attempt(() => indexedDB.deleteDatabase(this.unsent));
  }
}
