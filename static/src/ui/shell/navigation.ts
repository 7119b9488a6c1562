// Where somebody is in the shell: which room, and what is open beside it. A stack of places is what a browser's
// history is, so the app keeps it there and a widget keeps it to itself.
import type { RoomInfo, UserRef } from "parlour-client";
import { useCallback, useMemo, useState } from "preact/hooks";

/** What can be open beside (or, where there is room for one pane only, over) a conversation. */
export type Aside =
  | { readonly kind: "thread"; readonly rootId: string }
  | { readonly kind: "details" }
  | { readonly kind: "person"; readonly user: UserRef };

/** One place: immutable, and plain data, so it can lie in `history.state`. */
export interface Place {
  /** Id or slug of the open room; `null` is the list of rooms. */
  readonly room: string | null;
  /** Instead of a room: the public rooms that can be found. */
  readonly discover?: boolean;
  readonly aside: Aside | null;
}

/** Moves between places. */
export interface Navigator {
  readonly place: Place;
  /** Goes on to a place; `back` returns from there. */
  go(place: Place): void;
  /** Takes the place of the current one, which `back` then does not return to. */
  replace(place: Place): void;
  /** To the place before; to `fallback` where there is none, as after following a link to a room. */
  back(fallback: Place): void;
}

/** The list of rooms with nothing open. */
export const HOME: Place = { room: null, aside: null };

/** What names a room in an address: its slug, or the id of a conversation of two. */
export function roomAddress(info: RoomInfo): string {
  return info.slug ?? info.id;
}

/** A room with nothing beside it. */
export const inRoom = (room: string): Place => ({ room, aside: null });

/** Most places that are kept to go back to. */
const DEPTH_MAX = 50;

/** A navigator with a memory of its own, for where the address bar belongs to somebody else. */
export function useLocalNavigator(initial: Place): Navigator {
  const [stack, setStack] = useState<readonly Place[]>([initial]);
  const go = useCallback((place: Place) => setStack((places) => [...places, place].slice(-DEPTH_MAX)), []);
  const replace = useCallback((place: Place) => setStack((places) => [...places.slice(0, -1), place]), []);
  const back = useCallback(
    (fallback: Place) => setStack((places) => (places.length > 1 ? places.slice(0, -1) : [fallback])),
    [],
  );
  const place = stack.at(-1) ?? initial;
  return useMemo(() => ({ place, go, replace, back }), [place, go, replace, back]);
}
