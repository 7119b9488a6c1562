import { useLayoutEffect, useRef } from "preact/hooks";

interface Line {
  /** What it was made for. */
  readonly readSeq: number | null;
  from: number | null;
  /** Whether messages are below it, as far as is drawn. */
  shown: boolean;
  drawn: boolean;
}

/**
 * The number after which messages are below the line of unread ones: `readSeq` at first. What comes while somebody looks
 * at the end is not new to them, so the number goes along with it, unless the line is there already.
 *
 * @param lastSeq the number of the last message
 * @param looks whether somebody sees the end of the list
 * @param isShown whether there is a line with this number
 */
export function useUnreadFrom(readSeq: number | null, lastSeq: number, looks: boolean, isShown: (from: number) => boolean): number | null {
  const ref = useRef<Line | null>(null);
  if (ref.current?.readSeq !== readSeq) ref.current = { readSeq, from: readSeq, shown: false, drawn: false };
  const line = ref.current;
  if (line.from !== null && line.drawn && !line.shown && looks) line.from = lastSeq;
  line.shown = line.from !== null && isShown(line.from);
  useLayoutEffect(() => {
    line.drawn = true;
  });
  return line.from;
}
