// Where the keyboard goes in what lies over everything else, and after it.
import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { focusedIn } from "./focus.ts";

const FOCUSABLE = "a[href], [tabindex='0'], :is(button, input, textarea, select):not(:disabled)";

/**
 * Keeps the focus in an element while the view is there: it starts on the first field or button in it (on what has
 * `autofocus`, if something has), Tab goes around, and in the end it returns to where it was.
 */
export function useFocusTrap(container: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const element = container.current;
    return element ? trapTab(element) : undefined;
  }, []);
}

/** What Tab reaches in an element, in its order. */
export function focusable(container: Element): HTMLElement[] {
  const all = [...container.querySelectorAll<HTMLElement>(FOCUSABLE)];
  return all.filter((element) => element.tabIndex >= 0 && visible(element));
}

/**
 * Keeps the focus in `container`, where it is put on `[autofocus]` or the first thing that takes it. Gives the function
 * that ends this, and puts the focus back to where it was.
 */
function trapTab(container: HTMLElement): () => void {
  const before = focusedIn(container);
  const first = container.querySelector<HTMLElement>("[autofocus]") ?? focusable(container)[0] ?? container;
  first.focus();
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Tab") return;
    const all = focusable(container);
    const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
    if (focusedIn(container) !== from) return;
    event.preventDefault();
    to?.focus();
  };
  container.addEventListener("keydown", onKeyDown);
  return () => {
    container.removeEventListener("keydown", onKeyDown);
    returnFocus(container, before);
  };
}

/** Gives the focus back to `element`, unless it has gone elsewhere than `container` meanwhile. */
export function returnFocus(container: HTMLElement, element: Element | null): void {
  const now = focusedIn(container);
  if (now && !container.contains(now)) return;
  if (element instanceof HTMLElement && element.isConnected) element.focus();
}

function visible(element: HTMLElement): boolean {
  return element.getClientRects().length > 0;
}
