import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { ScrollKeeper } from "./scroll.ts";
import type { Timeline } from "./timeline.ts";

/** Where the list is to go, made anew each time. */
export interface Jump {
  /** The id of a message. */
  readonly id: string;
}

/** Goes to a message, for which earlier ones are loaded if need be. */
export function useJump(
  jump: Jump | null,
  timeline: Timeline,
  show: (index: number) => void,
  list: { current: HTMLElement | null },
  keeper: { current: ScrollKeeper | null },
): void {
  const [target, setTarget] = useState<string | null>(null);
  useEffect(() => {
    let wanted = jump !== null;
    const seek = async (): Promise<void> => {
      for (;;) {
        const index = timeline.messages.findIndex((message) => message.id === jump?.id);
        const message = timeline.messages[index];
        if (!wanted) return;
        if (message) {
          show(index);
          setTarget(message.key);
          return;
        }
        if (!timeline.hasMore || (await timeline.loadEarlier()) === 0) return;
      }
    };
    // A page that cannot be loaded leaves the list where it is; scrolling up says so, and tries again.
    void seek().catch(() => undefined);
    return () => {
      wanted = false;
    };
  }, [jump]);
  useLayoutEffect(() => {
    const row = target === null ? null : list.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(target)}"]`);
    if (!row) return;
    setTarget(null);
    keeper.current?.reveal(row, 0.4);
    row.focus({ preventScroll: true });
    row.classList.remove("message-found");
    // Read, so that an animation that has run already runs again.
    void row.offsetWidth;
    row.classList.add("message-found");
  });
}
