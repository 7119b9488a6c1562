import type { RoomInfo, RoomSummary, UnreadCount } from "./model.js";

/** The rooms that the user sees, the liveliest first as far as it is known. */
export class RoomList {
  readonly #unreadOf: (roomId: string) => UnreadCount;
  readonly #changed: () => void;
  /** The liveliest last. */
  readonly #infos = new Map<string, RoomInfo>();
  /** When something happened in a room, as far as it was heard. */
  readonly #heard = new Map<string, string>();
  #summaries: readonly RoomSummary[] | null = null;
  /** Whether the server was ever asked for the list. */
  loaded = false;

  constructor(unreadOf: (roomId: string) => UnreadCount, changed: () => void) {
    this.#unreadOf = unreadOf;
    this.#changed = changed;
  }

  /** The same array until something changes. */
  get summaries(): readonly RoomSummary[] {
    this.#summaries ??= [...this.#infos.values()].reverse().map((info) => ({
      info,
      ...this.#unreadOf(info.id),
      lastActivity: this.#heard.get(info.id) ?? info.insertedAt,
    }));
    return this.#summaries;
  }

  find(idOrSlug: string): RoomInfo | undefined {
    return this.#infos.get(idOrSlug) ?? [...this.#infos.values()].find(({ slug }) => slug === idOrSlug);
  }

  /** Takes the whole list, and the rooms the user is in by their youngest messages. */
  replace(infos: readonly RoomInfo[], byActivity: readonly string[]): void {
    this.loaded = true;
    this.#infos.clear();
    for (const info of infos) this.#infos.set(info.id, info);
    for (const id of [...byActivity].reverse()) this.#raise(id);
    this.touch();
  }

  put(info: RoomInfo): void {
    this.#infos.set(info.id, info);
    this.touch();
  }

  remove(id: string): void {
    if (this.#infos.delete(id)) this.touch();
  }

  /** Something happened in a room. `when` is in ISO 8601, UTC. */
  heard(id: string, when: string): void {
    this.#heard.set(id, when);
    this.#raise(id);
    this.touch();
  }

  /** Forgets the rooms, though not that they were asked for. */
  clear(): void {
    this.#infos.clear();
    this.#heard.clear();
    this.touch();
  }

  /** What is shown of the rooms has changed. */
  touch(): void {
    this.#summaries = null;
    this.#changed();
  }

  #raise(id: string): void {
    const info = this.#infos.get(id);
    if (info && this.#infos.delete(id)) this.#infos.set(id, info);
  }
}
