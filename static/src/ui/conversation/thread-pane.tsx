import type { Message, Room, UserRef } from "parlour-client";
import { openThread } from "parlour-client/thread";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { useI18n } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import { roomTitle } from "../room-title.ts";
import { Composer } from "./composer.tsx";
import { ConfirmDelete } from "./confirm-delete.tsx";
import { Header } from "./header.tsx";
import { MessageList } from "./message-list.tsx";
import { MessageRow } from "./message-row.tsx";
import { useScene } from "./use-scene.ts";

export interface ThreadProps {
  room: Room;
  /** The message that the replies are under. */
  root: Message;
  onClose: () => void;
  onProfile?: ((user: UserRef) => void) | undefined;
}

/** The replies under one message, with a composer of their own. */
export function ThreadPane(props: ThreadProps): JSX.Element {
  return <RootThread key={props.root.key} {...props} />;
}

function RootThread({ room, root: opened, onClose, onProfile }: ThreadProps): JSX.Element {
  const i18n = useI18n();
  const rootId = opened.threadRoot ?? opened.id ?? "";
  const thread = useMemo(() => openThread(room, rootId), [room, rootId]);
  useEffect(() => () => thread.close(), [thread]);
  useEmitter(thread, "change");
  const state = useScene(room, { onProfile });
  const root = thread.root ?? opened;

  return (
    <section class="conversation thread" aria-label={i18n.t("conversation.thread")}>
      <Header title={i18n.t("conversation.thread")} onClose={onClose}>
        <p class="people-count"><bdi>{roomTitle(room.info)}</bdi></p>
      </Header>
      <MessageList
        timeline={thread}
        label={i18n.t("conversation.thread")}
        scene={state.scene}
        readSeq={null}
        editing={state.editing}
        jump={state.jump}
        seen={null}
        beginning={
          <ul class="thread-root">
            <MessageRow message={root} first last scene={state.scene} active={false} editing={false} seenBy={null} />
          </ul>
        }
      />
      <Composer room={room} threadRoot={rootId} />
      {state.doomed && <ConfirmDelete onSettle={state.settleDelete} />}
    </section>
  );
}
