// What is in the frame: the chat, or why it is not there yet.
import type { ComponentChildren, JSX } from "preact";
import type { I18n } from "../i18n/i18n.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { errorText } from "../ui/errors.ts";
import { ChatProvider } from "../ui/provider.tsx";
import { SessionForms } from "../ui/session/session-forms.tsx";
import { SessionGate } from "../ui/session/session-gate.tsx";
import { ChatShell, type ShellPage } from "../ui/shell/chat-shell.tsx";
import type { Navigation } from "./options.ts";
import type { Session } from "./session.ts";

interface ContentProps {
  session: Session;
  /** The texts of the launcher, which are always there. */
  texts: I18n;
  /** All texts; `null` until they are loaded. */
  i18n: I18n | null;
  /** Whether they could not be loaded so far. */
  areTextsMissing: boolean;
  navigation: Navigation;
  room: string | undefined;
  /** The page whose room is shown in place of `room`. */
  page: ShellPage | undefined;
  heading: string | undefined;
  /** What it is drawn in. */
  root: ShadowRoot;
  /** The visitor has not agreed yet that the server is asked for anything. */
  isWaiting: boolean;
  onStart: () => void;
  /** Missing where the chat is a part of the page and cannot be closed. */
  onClose: (() => void) | undefined;
}

export function Content(props: ContentProps): JSX.Element {
  const { session, texts, i18n, areTextsMissing, navigation, room, page, heading, root, isWaiting, onStart, onClose } = props;
  const { chat, tenant, failure } = session;
  const around = (children: ComponentChildren): JSX.Element => (
    <>
      <header class="widget-header" part="header">
        <h2>{heading ?? tenant?.name ?? texts.t("launcher.label")}</h2>
        {onClose && <IconButton icon="close" label={texts.t("launcher.close")} onClick={onClose} />}
      </header>
      <div class="widget-body">{children}</div>
    </>
  );

  if (isWaiting) {
    return around(
      <>
        <p>{texts.t("launcher.consent", { host: new URL(session.server).host })}</p>
        <Button kind="primary" icon="chat" onClick={onStart}>{texts.t("launcher.start")}</Button>
      </>,
    );
  }
  if (!i18n) return around(areTextsMissing ? <p role="alert">{texts.t("launcher.notLoaded")}</p> : <Spinner />);
  if (chat && tenant) {
    return (
      <ChatProvider key={chat} chat={chat} tenant={tenant} i18n={i18n} root={root}>
        <SessionGate signedOut={around(<SessionForms />)}>
          <ChatShell navigation={navigation} room={room} page={page} heading={heading} onClose={onClose} />
        </SessionGate>
      </ChatProvider>
    );
  }
  if (!failure) return around(<Spinner label={i18n.t("widget.connecting")} />);
  const isWrong = failure.status === 403 || failure.status === 404;
  return around(
    <div class="widget-failure" role="alert">
      <h3>{isWrong ? i18n.t("widget.notSetUp") : texts.t("launcher.unreachable")}</h3>
      <p>{isWrong ? i18n.t("widget.notSetUpHint") : errorText(i18n, failure)}</p>
      {!isWrong && <Button icon="retry" onClick={() => void session.start()}>{i18n.t("common.retry")}</Button>}
    </div>,
  );
}

function Spinner({ label }: { label?: string }): JSX.Element {
  return (
    <div role="status">
      <div class="spinner" />
      {label && <span class="visually-hidden">{label}</span>}
    </div>
  );
}
