import { ChatError, type Message, type Room, type UserRef } from "parlour-client";
import { deleteMessage, editMessage, markUnread, pin, react, unpin, unreact } from "parlour-client/changes";
import { useMemo, useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import { useEmitter, useStable } from "../hooks.ts";
import type { Jump } from "./use-jump.ts";
import { isModerator, type MessageActions, type Scene } from "./scene.ts";

interface SceneOptions {
  /** Where messages are written that go to the list: the text field's own, or one that is made up for it. */
  onReply?: ((message: Message) => void) | undefined;
  onThread?: ((root: Message) => void) | undefined;
  onProfile?: ((user: UserRef) => void) | undefined;
}

/** What somebody is doing with the messages of a list. */
export interface SceneState {
  readonly scene: Scene;
  /** The key of the message that is being changed. */
  readonly editing: string | null;
  readonly jump: Jump | null;
  /** The message that is deleted when a question is answered with yes. */
  readonly doomed: Message | null;
  /** Begins to change a message. */
  readonly startEdit: (message: Message) => void;
  /** Answers the question. */
  readonly settleDelete: (confirmed: boolean) => void;
}

/** Everything that can be done with the messages of a room, in its main history or in a thread. */
export function useScene(room: Room, { onReply, onThread, onProfile }: SceneOptions): SceneState {
  const { chat, tenant, notify, announce } = useChat();
  const i18n = useI18n();
  useEmitter(room, "info", "closed");
  useEmitter(chat, "identity");
  const [editing, setEditing] = useState<string | null>(null);
  const [jump, setJump] = useState<Jump | null>(null);
  const [doomed, setDoomed] = useState<Message | null>(null);

  /** Runs what needs the server, for a message that the server has. Says whether it worked. */
  const attempt = useStable(async (message: Message, run: (id: string) => Promise<unknown>, done?: string) => {
    if (message.id === null) return false;
    try {
      await run(message.id);
      if (done !== undefined) announce(done);
      return true;
    } catch (error) {
      notify(error instanceof ChatError ? error : i18n.t("errors.other"));
      return false;
    }
  });
  const reply = useStable((message: Message) => onReply?.(message));
  const openThread = useStable((message: Message) => openRoot(room, message, onThread));
  const showProfile = useStable((user: UserRef) => onProfile?.(user));
  const saveEdit = useStable(async (message: Message, content: string) => {
    const save = (id: string): Promise<void> => editMessage(room, id, content);
    const isSaved = content === message.content || (await attempt(message, save, i18n.t("message.edited")));
    // Otherwise it stays in its field.
    if (isSaved) setEditing(null);
  });
  const leaveUnread = useStable((message: Message) => {
    void attempt(message, () => markUnread(room, message.seq ?? 0), i18n.t("message.marked_unread"));
  });
  const copy = useStable((message: Message) => {
    void attempt(message, () => navigator.clipboard.writeText(message.content), i18n.t("message.copied"));
  });
  const hasThread = onThread !== undefined;
  const hasProfile = onProfile !== undefined;
  const hasReply = onReply !== undefined;

  const actions = useMemo<MessageActions>(
    () => ({
      reply,
      openThread: hasThread ? openThread : undefined,
      showProfile: hasProfile ? showProfile : undefined,
      react: (message, emoji) => {
        const mine = message.reactions.some((reaction) => reaction.emoji === emoji && reaction.me);
        void attempt(message, (id) => (mine ? unreact : react)(room, id, emoji));
      },
      startEdit: (message) => setEditing(message.key),
      cancelEdit: () => setEditing(null),
      saveEdit: (message, content) => void saveEdit(message, content),
      askDelete: setDoomed,
      togglePin: (message) => void attempt(message, (id) => (message.pinnedAt ? unpin : pin)(room, id)),
      markUnread: leaveUnread,
      copy,
      retry: (message) => room.retry(message.key),
      discard: (message) => room.discard(message.key),
      jump: (id) => setJump({ id }),
    }),
    [room, i18n, hasThread, hasProfile],
  );
  const { role, frozen, kind } = room.info;
  const moderates = isModerator(role);
  const canWrite = hasReply && room.closed === null && role !== "reader" && (!frozen || moderates);
  const scene = useMemo<Scene>(
    () => ({
      me: chat.me,
      features: tenant.features,
      moderates,
      canPin: moderates || kind === "dm",
      canWrite,
      isMember: role !== null,
      messageCharsMax: tenant.messageCharsMax,
      actions,
    }),
    [chat.me, tenant, moderates, kind, canWrite, role === null, actions],
  );
  const settleDelete = (confirmed: boolean): void => {
    setDoomed(null);
    if (confirmed && doomed) void attempt(doomed, (id) => deleteMessage(room, id), i18n.t("message.deleted"));
  };
  return { scene, editing, jump, doomed, startEdit: actions.startEdit, settleDelete };
}

/** Opens the thread that a message is in: under itself, or under its root. */
function openRoot(room: Room, message: Message, onThread: ((root: Message) => void) | undefined): void {
  const root = message.threadRoot === null ? message : room.messages.find(({ id }) => id === message.threadRoot);
  onThread?.(root ?? message);
}
