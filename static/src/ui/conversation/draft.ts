import type { Message, Parlour } from "parlour-client";

/** What was written and not sent. */
export interface Draft {
  readonly text: string;
  readonly replyTo: Message | null;
}

const EMPTY: Draft = { text: "", replyTo: null };

/** Kept as long as the session is, in memory only: what somebody did not send is nobody's business. */
const drafts = new WeakMap<Parlour, Map<string, Draft>>();

/** The draft of a room or a thread, by its id. */
export function draftOf(chat: Parlour, id: string): Draft {
  return drafts.get(chat)?.get(id) ?? EMPTY;
}

export function keepDraft(chat: Parlour, id: string, draft: Draft): void {
  const ofSession = drafts.get(chat) ?? new Map<string, Draft>();
  if (draft.text === "" && draft.replyTo === null) ofSession.delete(id);
  else ofSession.set(id, draft);
  drafts.set(chat, ofSession);
}
