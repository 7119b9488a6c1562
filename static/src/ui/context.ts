import type { ChatError, Parlour, TenantInfo } from "parlour-client";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { I18n } from "../i18n/i18n.ts";

/** What every view below a signed-in session may use. */
export interface Chat {
  readonly chat: Parlour;
  readonly tenant: TenantInfo;
  /** What the views are in, and their styles with them. */
  readonly root: DocumentOrShadowRoot;
  /** Has a screen reader say this when it is done with what it says. */
  announce(text: string): void;
  /** Shows this for a few seconds, and has it said. */
  notify(error: ChatError | string): void;
}

export const ChatContext = createContext<Chat | null>(null);
export const I18nContext = createContext<I18n | null>(null);

/** @throws outside of a `ChatProvider`. */
export function useChat(): Chat {
  return provided(useContext(ChatContext));
}

/** @throws outside of an `I18nContext.Provider`. */
export function useI18n(): I18n {
  return provided(useContext(I18nContext));
}

function provided<T>(value: T | null): T {
  if (value === null) throw new Error("the view is outside of its provider");
  return value;
}
