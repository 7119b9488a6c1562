import type { JSX } from "preact";
import type { LateIcons } from "./more-icons.ts";

/** Outlines on a grid of 20 by 20: those without which nobody can read and write. */
const FIRST = {
  alert: "M10 6.5v4.2M10 13.6v.1M8.7 3.4 2.3 14.6a1.5 1.5 0 0 0 1.3 2.2h12.8a1.5 1.5 0 0 0 1.3-2.2L11.3 3.4a1.5 1.5 0 0 0-2.6 0Z",
  attach: "M16.3 9.2 10 15.5a4 4 0 0 1-5.7-5.7l6.6-6.5a2.7 2.7 0 0 1 3.8 3.8L8.2 13.5a1.3 1.3 0 0 1-1.9-1.9l6-5.9",
  back: "M12 4.5 6.5 10l5.5 5.5",
  chat: "M17 9.7c0 3.5-3.1 6.2-7 6.2-.9 0-1.8-.1-2.6-.4L3.5 17l1-3.2C3.6 12.7 3 11.3 3 9.7c0-3.5 3.1-6.2 7-6.2s7 2.7 7 6.2Z",
  check: "m4.5 10.5 3.7 3.7 7.3-8",
  close: "m5 5 10 10M15 5 5 15",
  down: "M10 4v11.5M5 10.5l5 5 5-5",
  hash: "M8.2 3.5 6.5 16.5M13.5 3.5l-1.7 13M3.8 7.5h13M3.2 12.5h13",
  lock: "M6.5 9V6.5a3.5 3.5 0 0 1 7 0V9M5.2 9h9.6c.7 0 1.2.5 1.2 1.2v5.1c0 .7-.5 1.2-1.2 1.2H5.2c-.7 0-1.2-.5-1.2-1.2v-5.1C4 9.5 4.5 9 5.2 9Z",
  pin: "m7.5 12.5-4 4M11.5 3.5l5 5-1.3 1.2-.9-.2-2.9 2.9-.3 2.8-1.2 1.2-6.3-6.3 1.2-1.2 2.8-.3 2.9-2.9-.2-.9 1.2-1.3Z",
  retry: "M16 10a6 6 0 1 1-1.8-4.3L16.5 8M16.5 4v4h-4",
  send: "M3.5 10h6M3.5 10 2.8 4.3c-.1-.7.6-1.3 1.3-1l12.3 5.9c.7.3.7 1.3 0 1.6L4.1 16.7c-.7.3-1.4-.3-1.3-1L3.5 10Z",
  smile: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7 11.5c.6 1.2 1.7 1.9 3 1.9s2.4-.7 3-1.9M7.6 8v.1M12.4 8v.1",
  thread: "M3.5 4.5h13M3.5 8.5h8M9 13.5h7.5M12 10.7l-3 2.8 3 2.8",
  trash: "M3.5 5.5h13M8 5.5V4c0-.5.4-1 1-1h2c.6 0 1 .5 1 1v1.5M5.2 5.5l.7 10c0 .6.6 1 1.2 1h5.8c.6 0 1.2-.4 1.2-1l.7-10M8.5 9v4.5M11.5 9v4.5",
} as const;

export type IconName = keyof typeof FIRST | keyof LateIcons;

const paths: Partial<Record<IconName, string>> = { ...FIRST };

/** Has further outlines drawn, which come with the views that need them. */
export function addIcons(more: LateIcons): void {
  Object.assign(paths, more);
}

/** Those that point somewhere, and point the other way where text runs from right to left. */
const DIRECTED: ReadonlySet<IconName> = new Set<IconName>(["back", "leave", "reply", "send", "thread"]);

/** A decoration: what it stands for has to be said by the text or the label beside it. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class={DIRECTED.has(name) ? "icon icon-directed" : "icon"} viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
