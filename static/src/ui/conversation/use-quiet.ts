import type { Message } from "parlour-client";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** For this long after messages came in at the beginning nothing is said of new ones, in milliseconds. */
const QUIET_MS = 400;

/**
 * True for a moment after other rows came in than new messages at the end: a page of earlier ones, the first page, or
 * another part of the room. They would all be read out.
 */
export function useQuiet(shown: readonly Message[], follows: boolean): boolean {
  const first = shown[0];
  const known = useRef<{ first: Message | undefined; follows: boolean }>({ first: undefined, follows: true });
  const [quietFor, setQuietFor] = useState<string | null>(null);
  const moved = first !== undefined && first.key !== known.current.first?.key;
  const slid = follows && known.current.follows && (first?.seq ?? 0) > (known.current.first?.seq ?? Infinity);
  const startsQuiet = moved && !slid && shown.length > 1;
  useLayoutEffect(() => {
    known.current = { first, follows };
    if (startsQuiet) setQuietFor(first?.key ?? null);
  });
  useEffect(() => {
    if (quietFor === null) return undefined;
    const timer = setTimeout(() => setQuietFor(null), QUIET_MS);
    return () => clearTimeout(timer);
  }, [quietFor]);
  return startsQuiet || quietFor !== null;
}
