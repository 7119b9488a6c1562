// Where the chat is shown: in a dialog above the page, or in the page itself.
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useListener, useStable } from "../ui/hooks.ts";
import { focusedElement, focusWhenReady, focusWithin, returnFocusTo } from "./focus.ts";
import { coverScreen } from "./full-screen.ts";
import { floats, type Mode } from "./options.ts";
import { DIALOG_ID } from "./stage.ts";
import { useScrolled } from "./use-scrolled.ts";

/** Where there is no room for a panel beside the page, the chat takes the whole screen, and the page has to wait. */
const SMALL = "(max-width: 560px), (max-height: 480px)";

interface FrameProps {
  mode: Mode;
  label: string;
  isOpen: boolean;
  /** Whether it takes the focus as it opens; not when it is open from the beginning. */
  takesFocus: boolean;
  launcher: HTMLElement;
  /** What is shown, which moves from place to place as it is, with all that is written and scrolled in it. */
  content: HTMLElement;
  onClose: () => void;
}

export function Frame({ mode, label, isOpen, takesFocus, launcher, content, onClose }: FrameProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const section = useRef<HTMLElement>(null);
  const opener = useRef<HTMLElement | null>(null);
  const held = useRef<(() => void) | null>(null);
  const scrolled = useScrolled(content);
  const isSmall = useMedia(SMALL);
  const close = useStable(onClose);
  const isFloating = floats(mode);
  const isShown = isFloating && isOpen;

  // In this order: who has the focus is asked before a modal dialog takes it, and gets it back after that is closed.
  useLayoutEffect(() => {
    opener.current = focusedElement();
  }, [isShown]);

  useLayoutEffect(() => {
    const place = isFloating ? dialog.current : section.current;
    if (place && content.parentNode !== place) place.append(content);
    const hide = dialog.current && isShown ? (isSmall ? coverScreen(dialog.current) : showBeside(dialog.current)) : () => {};
    // Where it went from one place to another, whoever reads or writes goes on where they were.
    if (isOpen) held.current?.();
    held.current = null;
    return () => {
      const focused = focusWithin(content);
      held.current = () => {
        for (const [element, offset] of scrolled) element.scrollTop = offset;
        focused?.focus({ preventScroll: true });
      };
      hide();
    };
  }, [isFloating, isOpen, isSmall, content]);

  useLayoutEffect(() => {
    const element = dialog.current;
    if (!element || !isShown) return undefined;
    const before = opener.current;
    const stop = takesFocus ? focusWhenReady(element) : () => {};
    return () => {
      stop();
      returnFocusTo(element, before, launcher);
    };
  }, [isShown]);

  const onEscape = (event: Event): void => {
    if (!(event instanceof KeyboardEvent) || event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
    if (!isShown) return;
    event.preventDefault();
    close();
  };
  useListener(launcher, "keydown", onEscape);

  return (
    <>
      <dialog
        ref={dialog}
        id={DIALOG_ID}
        class="panel"
        part="panel"
        data-mode={mode}
        aria-label={label}
        tabIndex={-1}
        onKeyDown={onEscape}
        onCancel={(event) => {
          event.preventDefault();
          close();
        }}
      />
      <section ref={section} class="panel" part="panel" data-mode={mode} aria-label={label} hidden={isFloating} />
    </>
  );
}

/** Above the page, which stays usable. */
function showBeside(dialog: HTMLDialogElement): () => void {
  // Not by show(), which would take the focus from where somebody is typing.
  dialog.setAttribute("open", "");
  return () => dialog.close();
}

function useMedia(query: string): boolean {
  const [list] = useState(() => matchMedia(query));
  const [matches, setMatches] = useState(list.matches);
  useListener(list, "change", () => setMatches(list.matches));
  return matches;
}
