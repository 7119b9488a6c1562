import type { ChatError, Parlour, TenantInfo } from "parlour-client";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { I18n } from "../i18n/i18n.ts";
import { IconButton } from "./button.tsx";
import { ChatContext, I18nContext, type Chat } from "./context.ts";
import { errorText } from "./errors.ts";

/** How long a notice stays, in milliseconds. */
const NOTICE_MS = 8000;

interface ProviderProps {
  chat: Parlour;
  tenant: TenantInfo;
  i18n: I18n;
  /** The document or shadow root that the views are in. */
  root: DocumentOrShadowRoot;
  children: ComponentChildren;
}

/** Gives the views below their session, and a place for what is told them in passing: a notice, and a live region. */
export function ChatProvider({ chat, tenant, i18n, root, children }: ProviderProps): JSX.Element {
  const [notice, setNotice] = useState<string | null>(null);
  const [spoken, setSpoken] = useState("");
  const value = useMemo<Chat>(
    () => ({
      chat,
      tenant,
      root,
      // The same text twice is said twice only if the region changes.
      announce: (text) => setSpoken((before) => (before === text ? `${text}\u00a0` : text)),
      notify: (error: ChatError | string) => setNotice(typeof error === "string" ? error : errorText(i18n, error)),
    }),
    [chat, tenant, i18n, root],
  );
  useEffect(() => {
    if (notice === null) return undefined;
    const timer = setTimeout(() => setNotice(null), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return (
    <I18nContext.Provider value={i18n}>
      <ChatContext.Provider value={value}>
        {children}
        <div class="notices" role="status">
          {notice !== null && (
            <div class="notice">
              {notice}
              <IconButton icon="close" label={i18n.t("common.close")} onClick={() => setNotice(null)} />
            </div>
          )}
        </div>
        <div class="visually-hidden" role="status">{spoken}</div>
      </ChatContext.Provider>
    </I18nContext.Provider>
  );
}
