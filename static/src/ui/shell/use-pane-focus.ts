// Where the keyboard is when panes come and go.
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { focusable, focusedIn } from "../focus.ts";

/** The panes of the shell, from the outermost to the innermost. */
export type PaneName = "list" | "main" | "aside";

/**
 * Moves the focus into the pane that becomes the active one, to where it was in it the last time, else to where one
 * would go on: into the composer with a keyboard at hand, else onto what comes first, as a touch keyboard would cover
 * what was just opened. `what` changes whenever another thing is shown; `ready` is false while it is still on its way.
 */
export function usePaneFocus(shell: RefObject<HTMLElement | null>, active: PaneName, what: string, ready: boolean): void {
  const last = useRef(new Map<PaneName, Element>());
  const shown = useRef<string | null>(null);

  useEffect(() => {
    const root = shell.current;
    if (!root) return undefined;
    const remember = (event: FocusEvent): void => {
      const pane = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-pane]") : null;
      const name = pane?.dataset["pane"];
      if (event.target instanceof Element && (name === "list" || name === "main" || name === "aside")) {
        last.current.set(name, event.target);
      }
    };
    root.addEventListener("focusin", remember);
    return () => root.removeEventListener("focusin", remember);
  }, []);

  useEffect(() => {
    if (!ready || shown.current === what) return;
    const first = shown.current === null;
    shown.current = what;
    const root = shell.current;
    const pane = root?.querySelector<HTMLElement>(`[data-pane=${active}]`);
    // What a page shows at first takes no focus; neither does a shell while a dialog in it has it.
    if (first || !root || !pane || focusedIn(root)?.closest("[aria-modal]")) return;
    const before = last.current.get(active);
    if (before instanceof HTMLElement && before.isConnected && pane.contains(before)) before.focus();
    else startOf(pane)?.focus();
  }, [active, what, ready]);
}

function startOf(pane: HTMLElement): HTMLElement | undefined {
  const all = focusable(pane);
  const field = matchMedia("(pointer: fine)").matches ? all.find((element) => element instanceof HTMLTextAreaElement) : undefined;
  return field ?? all[0];
}
