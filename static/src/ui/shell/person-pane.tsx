import { displayName, type UserRef } from "parlour-client";
import type { JSX } from "preact";
import { Avatar } from "../avatar.tsx";
import { Button, IconButton } from "../button.tsx";
import { useChat, useI18n } from "../context.ts";

interface PersonPaneProps {
  user: UserRef;
  onBack: () => void;
  onMessage: ((userId: string) => void) | undefined;
}

/** Who somebody is, and the way to write to them alone. */
export function PersonPane({ user, onBack, onMessage }: PersonPaneProps): JSX.Element {
  const { chat, tenant } = useChat();
  const i18n = useI18n();
  const kind = user.kind === "guest" ? i18n.t("rooms.guest") : user.kind === "bot" ? i18n.t("rooms.bot") : null;
  return (
    <section class="person" aria-label={i18n.t("rooms.person")}>
      <header class="shell-header" part="header">
        <h2 class="shell-title">{i18n.t("rooms.person")}</h2>
        <IconButton icon="close" label={i18n.t("common.close")} onClick={onBack} />
      </header>
      <div class="person-body">
        <Avatar user={user} />
        <h3>
          <bdi>{displayName(user)}</bdi>
        </h3>
        <p class="person-username">
          <bdi>@{user.username}</bdi>
          {kind && <span class="tag">{kind}</span>}
        </p>
        {onMessage && tenant.features.directMessages && user.id !== chat.me?.id && user.kind !== "bot" && (
          <Button kind="primary" icon="chat" onClick={() => onMessage(user.id)}>
            {i18n.t("rooms.message")}
          </Button>
        )}
      </div>
    </section>
  );
}
