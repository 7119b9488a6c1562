import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { returnFocus } from "./focus-trap.ts";
import { focusedIn } from "./focus.ts";
import { useListener, useStable } from "./hooks.ts";

/** Pixels between a popover and what it belongs to, and the edge. */
const GAP = 6;

interface PopoverProps {
  /** What it was opened from: it stands beside it, and gives it the focus back. */
  anchor: Element;
  onClose: () => void;
  label: string;
  role?: "dialog" | "menu";
  class?: string;
  children: ComponentChildren;
}

/**
 * A small surface above everything else, beside its anchor and inside of the chat. Closed by Escape, by a click or a
 * focus elsewhere. Its first `[autofocus]` or `[tabindex='0']` or button gets the focus.
 */
export function Popover({ anchor, onClose, label, role = "dialog", class: extra, children }: PopoverProps): JSX.Element {
  const surface = useRef<HTMLDivElement>(null);
  const close = useStable(onClose);
  const isOutside = (event: Event): boolean => {
    const path = event.composedPath();
    return !path.includes(anchor) && (surface.current === null || !path.includes(surface.current));
  };

  useLayoutEffect(() => {
    const element = surface.current;
    if (!element) return undefined;
    const before = focusedIn(element);
    element.showPopover?.();
    (element.querySelector<HTMLElement>("[autofocus], [tabindex='0'], button, input") ?? element).focus();
    return () => returnFocus(element, before);
  }, []);
  const stand = useStable(() => {
    if (surface.current) place(surface.current, anchor);
  });
  useLayoutEffect(stand);
  useListener(document, "pointerdown", (event) => {
    if (isOutside(event)) close();
  });
  useListener(document, "focusin", (event) => {
    if (isOutside(event)) close();
  });
  // A keyboard that comes up for a field in it makes the window smaller.
  useListener(window, "resize", stand);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    // What is around has an Escape of its own.
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  return (
    <div
      ref={surface}
      class={`popover ${extra ?? ""}`}
      popover="manual"
      tabIndex={-1}
      role={role}
      aria-label={label}
      onKeyDown={onKeyDown}
    >
      {children}
    </div>
  );
}

/** Below the anchor if there is room, else above it; never out of the chat or the window. */
function place(surface: HTMLElement, anchor: Element): void {
  const bounds = (anchor.closest(".parlour") ?? document.documentElement).getBoundingClientRect();
  const inner = {
    left: Math.max(bounds.left, 0) + GAP,
    right: Math.min(bounds.right, innerWidth) - GAP,
    top: Math.max(bounds.top, 0) + GAP,
    bottom: Math.min(bounds.bottom, innerHeight) - GAP,
  };
  const { width, height } = surface.getBoundingClientRect();
  const at = anchor.getBoundingClientRect();
  const startsLeft = at.left + at.right < inner.left + inner.right;
  const left = Math.max(inner.left, Math.min(startsLeft ? at.left : at.right - width, inner.right - width));
  const below = at.bottom + GAP + height <= inner.bottom;
  const top = Math.max(inner.top, below ? at.bottom + GAP : at.top - GAP - height);
  surface.style.setProperty("left", `${left}px`);
  surface.style.setProperty("top", `${top}px`);
}
