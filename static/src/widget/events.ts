import type { Message } from "parlour-client";

/** What events tell beside that something happened. None of them has a secret in it. */
export interface ChatEvents {
  /** The element is there, and takes commands. */
  ready: Record<never, never>;
  open: Record<never, never>;
  close: Record<never, never>;
  /** Somebody else wrote; text and author only where the element has `share-messages`. */
  message: { id: string | null; roomId: string; content?: string; user?: Message["user"] };
  unread: { count: number };
  error: { code: string; message: string };
}

export type EventName = keyof ChatEvents;

const NAMES: readonly string[] = ["ready", "open", "close", "message", "unread", "error"] satisfies EventName[];

export function isEventName(name: unknown): name is EventName {
  return typeof name === "string" && NAMES.includes(name);
}
