// The page: the landing for who is signed out, the chat for who is signed in.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { I18nContext, useChat, useI18n } from "../ui/context.ts";
import { useListener } from "../ui/hooks.ts";
import { LOAD_FAILED, useLazy } from "../ui/lazy.ts";
import { ChatProvider } from "../ui/provider.tsx";
import { SessionForms } from "../ui/session/session-forms.tsx";
import { SessionGate } from "../ui/session/session-gate.tsx";
import { Landing } from "./landing.tsx";
import { APP_CATALOGUES } from "./locales.ts";
import { PreferencesDialog } from "./preferences-dialog.tsx";
import { usePreferences } from "./preferences.ts";
import { reloadWhenReachable } from "./reload.ts";
import { useSite } from "./session.ts";
import { SiteFailure } from "./site-failure.tsx";

/** Everything on the page. */
export function App(): JSX.Element {
  const { preferences, i18n } = usePreferences(APP_CATALOGUES);
  const { site, retry } = useSite();
  const [choosing, setChoosing] = useState(false);
  useListener(document, LOAD_FAILED, reloadWhenReachable);
  if (!i18n || site.step === "loading") return <div class="app-loading" />;
  const choose = (): void => setChoosing(true);
  return (
    <I18nContext.Provider value={i18n}>
      <div class="app">
        {site.step === "failed" ? (
          <Landing tenant={null} onPreferences={choose}>
            <SiteFailure why={site.why} onRetry={retry} />
          </Landing>
        ) : (
          <ChatProvider chat={site.chat} tenant={site.tenant} i18n={i18n}>
            <SessionGate signedOut={<SignedOut ended={site.ended} onPreferences={choose} />}>
              <SignedIn onPreferences={choose} />
            </SessionGate>
          </ChatProvider>
        )}
        {choosing && <PreferencesDialog preferences={preferences} onClose={() => setChoosing(false)} />}
      </div>
    </I18nContext.Provider>
  );
}

function SignedOut({ ended, onPreferences }: { ended: boolean; onPreferences: () => void }): JSX.Element {
  const { tenant, notify } = useChat();
  const i18n = useI18n();
  useEffect(() => {
    document.title = `${tenant.name} · Parlour`;
  }, [tenant]);
  useEffect(() => {
    if (ended) notify(i18n.t("session.ended"));
  }, [ended]);
  return (
    <Landing tenant={tenant} onPreferences={onPreferences}>
      <SessionForms />
    </Landing>
  );
}

function SignedIn({ onPreferences }: { onPreferences: () => void }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const views = useLazy(() => import("./chat-page.tsx"), true, place);
  return (
    <div ref={place} class="app-chat">
      {views ? <views.ChatPage onPreferences={onPreferences} /> : <div class="app-loading" />}
    </div>
  );
}
