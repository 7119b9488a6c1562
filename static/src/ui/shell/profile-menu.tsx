// One's own account at the foot of the list: who one is, and what one can change about that.
import { displayName } from "parlour-client";
import { logout } from "parlour-client/accounts";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Avatar } from "../avatar.tsx";
import { useChat, useI18n } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import { Icon } from "../icons.tsx";
import { Menu, type MenuItem } from "../menu.tsx";
import { PasswordDialog } from "../session/password-dialog.tsx";
import { RenameDialog } from "../session/rename-dialog.tsx";
import { useAttempt } from "./use-attempt.ts";

/** The account's menu. Users whom a website vouches for sign out there, not here. */
export function ProfileMenu({ items }: { items: readonly MenuItem[] }): JSX.Element | null {
  const { chat } = useChat();
  const i18n = useI18n();
  const attempt = useAttempt();
  const [anchor, setAnchor] = useState<Element | null>(null);
  const [dialog, setDialog] = useState<"password" | "rename" | null>(null);
  useEmitter(chat, "identity");
  const { me } = chat;
  if (!me) return null;

  const all: MenuItem[] = [...items];
  if (me.kind === "guest") all.push({ label: i18n.t("session.rename"), icon: "edit", onSelect: () => setDialog("rename") });
  if (me.kind === "account") all.push({ label: i18n.t("session.changePassword"), icon: "lock", onSelect: () => setDialog("password") });
  if (me.kind !== "host") all.push({ label: i18n.t("rooms.signOut"), icon: "leave", onSelect: () => void attempt(() => logout(chat)) });
  const label = i18n.t("rooms.profile");
  return (
    <footer class="profile">
      <button
        type="button"
        class="profile-button"
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        disabled={all.length === 0}
        onClick={(event) => setAnchor(anchor ? null : event.currentTarget)}
      >
        <Avatar user={me} />
        <span class="visually-hidden">{label}</span>
        <span class="person-names">
          <span class="person-name">
            <bdi>{displayName(me)}</bdi>
          </span>
          {me.name && <bdi class="person-username">@{me.username}</bdi>}
        </span>
        <Icon name="more" />
      </button>
      {anchor && <Menu anchor={anchor} label={label} items={all} onClose={() => setAnchor(null)} />}
      {dialog === "password" && <PasswordDialog onClose={() => setDialog(null)} />}
      {dialog === "rename" && <RenameDialog onClose={() => setDialog(null)} />}
    </footer>
  );
}
