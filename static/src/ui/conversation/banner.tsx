import type { ConnectionState } from "parlour-client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { TextKey } from "../../i18n/i18n.ts";
import { useChat, useI18n } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import { Icon } from "../icons.tsx";

const TEXTS: Readonly<Partial<Record<ConnectionState, TextKey>>> = {
  connecting: "conversation.connecting",
  waiting: "conversation.connecting",
  offline: "conversation.offline",
  refused: "conversation.refused",
};

/** A connection that is back within this time is not talked about, in milliseconds. */
const PATIENCE_MS = 1500;

/** Says that there is no connection, and what that means. */
export function ConnectionBanner(): JSX.Element {
  const { chat } = useChat();
  const i18n = useI18n();
  useEmitter(chat, "state");
  const [patient, setPatient] = useState(true);
  const key = TEXTS[chat.state];
  const isDown = key !== undefined;
  useEffect(() => {
    setPatient(true);
    if (!isDown) return undefined;
    const timer = setTimeout(() => setPatient(false), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [isDown]);
  return (
    <div role="status">
      {key !== undefined && (!patient || chat.state === "offline" || chat.state === "refused") && (
        <p class="connection-banner"><Icon name="alert" />{i18n.t(key)}</p>
      )}
    </div>
  );
}
