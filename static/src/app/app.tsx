// The page: the landing for who is signed out, the chat for who is signed in.
import type { TenantInfo } from "parlour-client";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { I18nContext, useChat, useI18n } from "../ui/context.ts";
import { useListener } from "../ui/hooks.ts";
import { LOAD_FAILED, useLazy } from "../ui/lazy.ts";
import { ChatProvider } from "../ui/provider.tsx";
import { SessionForms } from "../ui/session/session-forms.tsx";
import { SessionGate } from "../ui/session/session-gate.tsx";
import { APP_CATALOGUES } from "./locales.ts";
import { usePreferences } from "./preferences.ts";
import { reloadWhenReachable } from "./reload.ts";
import { useSite } from "./session.ts";
import { SiteFailure } from "./site-failure.tsx";

const loadEntrance = (): Promise<typeof import("./entrance.ts")> => import("./entrance.ts");
const loadPreferences = (): Promise<typeof import("./preferences-chunk.ts")> => import("./preferences-chunk.ts");
const loadChat = (): Promise<typeof import("./chat-page.tsx")> => import("./chat-page.tsx");

/** Everything on the page. */
export function App(): JSX.Element {
  const { preferences, i18n } = usePreferences(APP_CATALOGUES);
  const { site, retry } = useSite();
  const [choosing, setChoosing] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const dialogs = useLazy(loadPreferences, choosing, root);
  useListener(document, LOAD_FAILED, reloadWhenReachable);
  if (!i18n || site.step === "loading") return <div class="app-loading" />;
  const choose = (): void => setChoosing(true);
  return (
    <I18nContext.Provider value={i18n}>
      <div ref={root} class="app">
        {site.step === "failed" ? (
          <Entrance tenant={null} onPreferences={choose}>
            <SiteFailure why={site.why} onRetry={retry} />
          </Entrance>
        ) : (
          <ChatProvider chat={site.chat} tenant={site.tenant} i18n={i18n} root={document}>
            <SessionGate signedOut={<SignedOut ended={site.ended} onPreferences={choose} />}>
              <SignedIn onPreferences={choose} />
            </SessionGate>
          </ChatProvider>
        )}
        {choosing && dialogs && <dialogs.PreferencesDialog preferences={preferences} onClose={() => setChoosing(false)} />}
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
    <Entrance tenant={tenant} onPreferences={onPreferences}>
      <SessionForms />
    </Entrance>
  );
}

interface EntranceProps {
  /** `null` when there is no chat behind it. */
  tenant: TenantInfo | null;
  onPreferences: () => void;
  children: ComponentChildren;
}

function Entrance({ tenant, onPreferences, children }: EntranceProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const views = useLazy(loadEntrance, true, place);
  return (
    <div ref={place}>
      {views ? (
        <views.Landing tenant={tenant} onPreferences={onPreferences}>{children}</views.Landing>
      ) : (
        <div class="app-loading" />
      )}
    </div>
  );
}

function SignedIn({ onPreferences }: { onPreferences: () => void }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const views = useLazy(loadChat, true, place);
  return (
    <div ref={place} class="app-chat">
      {views ? <views.ChatPage onPreferences={onPreferences} /> : <div class="app-loading" />}
    </div>
  );
}
