import type { UnreadCount, UnreadTotals } from "./model.js";
import type { WireUnread } from "./wire.js";

const NONE: UnreadCount = { unread: 0, mentions: 0 };

/** How much is unread, in each room and in all. */
export class Unread {
  readonly #changed: (totals: UnreadTotals) => void;
  #counts = new Map<string, WireUnread & { at: number }>();
  /** The sum over all rooms. */
  total = 0;
  /** How often something was told of a room: what was asked for before knows less of that one. */
  clock = 0;

  constructor(changed: (totals: UnreadTotals) => void) {
    this.#changed = changed;
  }

  of(roomId: string): UnreadCount {
    const { unread, mentions } = this.#counts.get(roomId) ?? NONE;
    return { unread, mentions };
  }

  /** Up to where the user had read a room when that was told. */
  mark(roomId: string): number | null {
    return this.#counts.get(roomId)?.readSeq ?? null;
  }

  /** Takes the counts of all rooms, as they were asked for when the {@link clock} was at `since`. */
  replace(counts: readonly WireUnread[], since: number): void {
    const told = [...this.#counts].filter(([, { at }]) => at > since);
    this.#counts = new Map([...counts.map((count) => [count.roomId, { ...count, at: 0 }] as const), ...told]);
    this.#sum(null, null);
  }

  /** Takes the counts of one room, and the total if it is told. */
  update(count: WireUnread): void {
    const { roomId, total } = count;
    this.#counts.set(roomId, { ...count, readSeq: count.readSeq ?? this.mark(roomId), at: ++this.clock });
    this.#sum(roomId, total);
  }

  /** Everything in a room is read, or the room is gone. */
  clear(roomId: string): void {
    if (this.of(roomId).unread > 0) this.update({ roomId, ...NONE, readSeq: null, total: null });
  }

  #sum(roomId: string | null, total: number | null): void {
    this.total = total ?? [...this.#counts.values()].reduce((sum, { unread }) => sum + unread, 0);
    this.#changed({ roomId, total: this.total });
  }
}
