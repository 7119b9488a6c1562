import type { Message, Room, UserRef } from "parlour-client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Avatar } from "../avatar.tsx";
import { untilLoaded } from "../../until-loaded.ts";
import { useChat, useI18n } from "../context.ts";
import { useEmitter, useListener, useStable } from "../hooks.ts";
import { Icon } from "../icons.tsx";
import { lazyView } from "../lazy-view.ts";
import { roomTitle } from "../room-title.ts";
import { ConnectionBanner } from "./banner.tsx";
import { Composer } from "./composer.tsx";
import { draftOf, keepDraft } from "./draft.ts";
import { Header } from "./header.tsx";
import { MessageList } from "./message-list.tsx";
import { seenBy } from "./seen.ts";
import { loadTools } from "./tools.ts";
import { useScene } from "./use-scene.ts";

export interface ConversationProps {
  /** Joined; whoever joined it releases it. */
  room: Room;
  /** Given where there is something to go back to. */
  onBack?: (() => void) | undefined;
  /** Given where the conversation's pane can be closed as a whole. */
  onClose?: (() => void) | undefined;
  /** The title leads to it: what there is to know of the room. */
  onDetails?: (() => void) | undefined;
  /** Opens the thread under a message; without it threads are not offered. */
  onThread?: ((root: Message) => void) | undefined;
  /** Somebody's name was chosen; without it names cannot be. */
  onProfile?: ((user: UserRef) => void) | undefined;
}

const ConfirmDelete = lazyView(loadTools, (tools) => tools.ConfirmDelete);

const People = lazyView(loadTools, (tools) => tools.People);

/** Its place is there from the beginning, so that nothing moves. */
const TypingLine = lazyView(loadTools, (tools) => tools.TypingLine, () => <p class="typing" />);

/**
 * Everything of one conversation: header, messages, who types, composer. Fills its container, and is laid out by the
 * container's width: bubbles where it is narrow, rows where it is wide.
 */
export function Conversation(props: ConversationProps): JSX.Element {
  // Nothing of one room is to be left in the next.
  return <RoomConversation key={props.room.id} {...props} />;
}

function RoomConversation({ room, onBack, onClose, onDetails, onThread, onProfile }: ConversationProps): JSX.Element {
  const { chat, tenant } = useChat();
  const i18n = useI18n();
  useEmitter(room, "read", "presence", "change");
  const [replyTo, setReplyTo] = useState(draftOf(chat, room.id).replyTo);
  const [readSeq, setReadSeq] = useState(room.readSeq);
  const [wasMember] = useState(room.info.role !== null);
  // It may come after the messages, and has to be known before it is moved. Who becomes a member by writing has seen all.
  const newest = wasMember ? null : room.messages.findLast(({ seq }) => seq !== null);
  if (readSeq === null && room.readSeq !== null) setReadSeq(newest?.seq ?? room.readSeq);
  const reply = useStable((message: Message | null) => {
    setReplyTo(message);
    keepDraft(chat, room.id, { text: draftOf(chat, room.id).text, replyTo: message });
  });
  const state = useScene(room, { onReply: reply, onThread: tenant.features.threads ? onThread : undefined, onProfile });
  const { peer, kind } = room.info;
  const title = roomTitle(room.info);

  // Fetched as soon as there is something to read, before it is wanted: then there may be no connection.
  useEffect(() => untilLoaded(loadTools, () => {}), []);
  const markRead = useStable(() => {
    if (tenant.features.readMarks && room.readSeq !== null) room.markRead();
  });
  // What comes while nobody looks is below a line when somebody does again.
  useListener(document, "visibilitychange", () => {
    if (document.hidden) setReadSeq(room.readSeq);
  });
  const editLast = useStable(() => {
    const last = room.messages.findLast(({ own, deletedAt, state }) => own && deletedAt === null && state === "sent");
    if (last) state.startEdit(last);
  });

  return (
    <section class="conversation" aria-label={title}>
      <Header
        title={title}
        onTitle={onDetails}
        sign={peer ? <Avatar user={peer} online={isPresent(room, peer)} /> : <RoomSign kind={kind} />}
        onBack={onBack}
        onClose={onClose}
      >
        {peer ? <PeerLine room={room} peer={peer} /> : <People room={room} onProfile={onProfile} />}
      </Header>
      <ConnectionBanner />
      <MessageList
        timeline={room}
        label={i18n.t("conversation.log", { name: title })}
        scene={state.scene}
        readSeq={readSeq}
        editing={state.editing}
        jump={state.jump}
        seen={tenant.features.readMarks ? seenBy(room, chat.me, i18n) : null}
        beginning={<Beginning room={room} title={title} />}
        onSeen={markRead}
      />
      <TypingLine room={room} />
      <Composer room={room} replyTo={replyTo} onReplyEnd={() => reply(null)} onArrowUp={editLast} />
      {state.doomed && <ConfirmDelete onSettle={state.settleDelete} />}
    </section>
  );
}

function RoomSign({ kind }: { kind: Room["info"]["kind"] }): JSX.Element {
  return <span class="room-sign"><Icon name={kind === "private" ? "lock" : "hash"} /></span>;
}

function PeerLine({ room, peer }: { room: Room; peer: UserRef }): JSX.Element | null {
  const i18n = useI18n();
  if (room.presence.level === "off") return null;
  return <p class="people-count">{i18n.t(isPresent(room, peer) ? "conversation.online" : "conversation.away")}</p>;
}

function isPresent({ presence }: Room, user: UserRef): boolean {
  return presence.users.some(({ id }) => id === user.id);
}

function Beginning({ room, title }: { room: Room; title: string }): JSX.Element {
  const i18n = useI18n();
  const { peer, kind, description } = room.info;
  return (
    <div class="beginning">
      {peer ? <Avatar user={peer} /> : <RoomSign kind={kind} />}
      <h3 dir="auto">{title}</h3>
      {description !== null && <p dir="auto">{description}</p>}
      <p>{i18n.t(room.messages.length === 0 ? "conversation.empty" : "conversation.beginning")}</p>
    </div>
  );
}
