import { ChatError } from "parlour-client";
import { renameGuest } from "parlour-client/accounts";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Button, IconButton } from "../button.tsx";
import { useChat, useI18n } from "../context.ts";

const NAME_CHARS_MAX = 64;

interface GuestNameProps {
  onDecline: () => void;
}

/** Asks a guest what others should call them. */
export function GuestName({ onDecline }: GuestNameProps): JSX.Element {
  const { chat, notify } = useChat();
  const i18n = useI18n();
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (name.trim() === "" || busy) return;
    setBusy(true);
    try {
      await renameGuest(chat, name.trim());
    } catch (error) {
      notify(error instanceof ChatError ? error : i18n.t("errors.other"));
    }
    setBusy(false);
  };
  return (
    <form class="guest-name" onSubmit={submit}>
      <input
        value={name}
        maxLength={NAME_CHARS_MAX}
        autocomplete="nickname"
        aria-label={i18n.t("composer.your_name")}
        placeholder={i18n.t("composer.your_name")}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <Button type="submit" disabled={busy || name.trim() === ""}>{i18n.t("composer.use_name")}</Button>
      <IconButton icon="close" label={i18n.t("composer.no_name")} onClick={onDecline} />
    </form>
  );
}
