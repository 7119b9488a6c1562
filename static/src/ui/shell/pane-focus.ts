// Where the keyboard is when panes come and go.
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { focusable } from "../focus-trap.ts";
import { focusedIn } from "../focus.ts";

/** The panes of the shell, from the outermost to the innermost. */
export type PaneName = "list" | "main" | "aside";

interface PaneFocusProps {
  shell: RefObject<HTMLElement | null>;
  active: PaneName;
  /** Changes whenever another thing is shown. */
  what: string;
  /** What was shown at first, which takes no focus. */
  first: string;
  /** Whether that is there, and not on its way. */
  ready: boolean;
}

/**
 * Moves the focus into the pane that becomes the active one, to where it was in it the last time, else to where one
 * would go on: into the composer with a keyboard at hand, else onto what comes first, as a touch keyboard would cover
 * what was just opened.
 */
export function PaneFocus({ shell, active, what, first, ready }: PaneFocusProps): null {
  const last = useRef(new Map<PaneName, Element>());
  const shown = useRef(first);

  useEffect(() => {
    const root = shell.current;
    if (!root) return undefined;
    const remember = (target: EventTarget | null): void => {
      if (!(target instanceof Element)) return;
      const name = target.closest<HTMLElement>("[data-pane]")?.dataset["pane"];
      if (name === "list" || name === "main" || name === "aside") last.current.set(name, target);
    };
    // Where somebody was before this was loaded.
    remember(focusedIn(root));
    const onFocusIn = (event: FocusEvent): void => remember(event.target);
    root.addEventListener("focusin", onFocusIn);
    return () => root.removeEventListener("focusin", onFocusIn);
  }, []);

  useEffect(() => {
    if (!ready || shown.current === what) return;
    shown.current = what;
    const root = shell.current;
    const pane = root?.querySelector<HTMLElement>(`[data-pane=${active}]`);
    // A dialog in the shell keeps it.
    if (!root || !pane || focusedIn(root)?.closest("[aria-modal]")) return;
    const before = last.current.get(active);
    if (before instanceof HTMLElement && before.isConnected && pane.contains(before)) before.focus();
    else startOf(pane)?.focus();
  }, [active, what, ready]);
  return null;
}

function startOf(pane: HTMLElement): HTMLElement | undefined {
  const all = focusable(pane);
  const field = matchMedia("(pointer: fine)").matches ? all.find((element) => element instanceof HTMLTextAreaElement) : undefined;
  return field ?? all[0];
}
