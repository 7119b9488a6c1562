import type { Message } from "parlour-client";
import type { JSX } from "preact";
import { IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";
import { MenuButton, type MenuItem } from "../menu.tsx";
import { ReactButton } from "./react-button.tsx";
import type { Scene } from "./scene.ts";

export interface MessageToolbarProps {
  message: Message;
  scene: Scene;
}

/** What can be done with a message. Not said as it appears: it is in a region where what appears is news. */
export function MessageToolbar({ message, scene }: MessageToolbarProps): JSX.Element {
  const i18n = useI18n();
  const { actions, features } = scene;
  const entries: (MenuItem | false)[] = [
    // Pages that were not loaded over a secure connection have no clipboard.
    "clipboard" in navigator && { label: i18n.t("message.copy"), icon: "copy", onSelect: () => actions.copy(message) },
    scene.isMember &&
      features.readMarks &&
      message.inRoom && {
        label: i18n.t("message.mark_unread"),
        icon: "unread",
        onSelect: () => actions.markUnread(message),
      },
    scene.canPin && {
      label: i18n.t(message.pinnedAt ? "message.unpin" : "message.pin"),
      icon: "pin",
      onSelect: () => actions.togglePin(message),
    },
    message.own && { label: i18n.t("message.edit"), icon: "edit", onSelect: () => actions.startEdit(message) },
    (message.own || scene.moderates) && {
      label: i18n.t("message.delete"),
      icon: "trash",
      danger: true,
      onSelect: () => actions.askDelete(message),
    },
  ];
  return (
    <div class="message-toolbar" role="toolbar" aria-label={i18n.t("message.actions")} aria-live="off">
      {features.reactions && <ReactButton message={message} scene={scene} />}
      {scene.canWrite && (
        <IconButton icon="reply" label={i18n.t("message.reply")} onClick={() => actions.reply(message)} />
      )}
      {features.threads && actions.openThread && (
        <IconButton icon="thread" label={i18n.t("message.open_thread")} onClick={() => actions.openThread?.(message)} />
      )}
      <MenuButton label={i18n.t("message.more")} items={entries.filter((entry) => entry !== false)} />
    </div>
  );
}
