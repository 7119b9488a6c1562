// What the page is for who is signed in, in a chunk of its own: the landing does without.
import type { Parlour, TenantInfo } from "parlour-client";
import { logout } from "parlour-client/accounts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useChat, useI18n } from "../ui/context.ts";
import { useEmitter } from "../ui/hooks.ts";
import "../ui/more-icons.ts";
import { ChatShell } from "../ui/shell/chat-shell.tsx";
import { HOME, roomAddress } from "../ui/shell/navigation.ts";
import { roomTitle } from "../ui/room-title.ts";
import { useHistoryNavigator } from "./history-navigator.ts";

export { uiStyles as styles } from "../ui/styles.ts";

/** The chat over the whole page, with its places in the address bar. */
export function ChatPage({ onPreferences }: { onPreferences: () => void }): JSX.Element {
  const { chat, tenant, notify } = useChat();
  const i18n = useI18n();
  const navigator = useHistoryNavigator();
  useTitle(chat, tenant, navigator.place.room);
  useEffect(
    () =>
      chat.on("state", (state) => {
        if (state !== "refused") return;
        notify(i18n.t("session.ended"));
        void logout(chat);
      }),
    [chat, i18n],
  );
  // Who signs in next does not begin in a room of this user's.
  useEffect(() => () => void (chat.me || navigator.replace(HOME)), []);
  return (
    <main class="app-main">
      <h1 class="visually-hidden">{tenant.name}</h1>
      <ChatShell
        navigation="full"
        navigator={navigator}
        menu={[{ label: i18n.t("app.preferences"), icon: "gear", onSelect: onPreferences }]}
      />
    </main>
  );
}

/** Keeps the tab's title saying what is unread and which room is open. */
function useTitle(chat: Parlour, tenant: TenantInfo, address: string | null): void {
  const i18n = useI18n();
  useEmitter(chat, "unread", "rooms");
  const open = chat.rooms.find(({ info }) => roomAddress(info) === address);
  const parts = [open && roomTitle(open.info), tenant.name].filter(Boolean).join(" · ");
  const title = chat.unreadTotal > 0 ? `(${i18n.number(chat.unreadTotal)}) ${parts}` : parts;
  useEffect(() => {
    document.title = title;
  }, [title]);
}
