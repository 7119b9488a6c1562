import type { TargetedKeyboardEvent } from "preact";

/** Arrows go from message to message, Home and End to the first and the last one here. */
export function moveFocus(event: TargetedKeyboardEvent<HTMLElement>): void {
  const log = event.currentTarget;
  const rows = [...log.querySelectorAll<HTMLElement>("[data-key]")];
  const at = rows.findIndex((row) => row === event.target);
  const targets: Record<string, HTMLElement | undefined> =
    at === -1
      ? { ArrowUp: rows.findLast((row) => row.getBoundingClientRect().top < log.getBoundingClientRect().bottom) }
      : { ArrowUp: rows[at - 1], ArrowDown: rows[at + 1], Home: rows[0], End: rows.at(-1) };
  const target = targets[event.key];
  if (!target || (at === -1 && event.target !== log)) return;
  event.preventDefault();
  target.focus();
}
