import { displayName, type Message, type Room } from "parlour-client";
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "../button.tsx";
import { useChat, useI18n } from "../context.ts";
import { useStable } from "../hooks.ts";
import { lazyView } from "../lazy-view.ts";
import { roomTitle } from "../room-title.ts";
import type { FilesToSend } from "./composer-files.tsx";
import { draftOf, keepDraft } from "./draft.ts";
import { Editor, type EditorHandle } from "./editor.tsx";
import { loadFiles } from "./files.ts";
import { useObstacle } from "./obstacle.ts";
import { knownUsers } from "./known-users.ts";
import { loadTools } from "./tools.ts";

interface ComposerProps {
  room: Room;
  /** The thread that it writes to; the room itself without one. */
  threadRoot?: string;
  replyTo?: Message | null;
  onReplyEnd?: () => void;
  /** The arrow up in an empty field. */
  onArrowUp?: () => void;
}

const EmojiPopover = lazyView(loadTools, (tools) => tools.EmojiPopover);

const GuestOffer = lazyView(loadTools, (tools) => tools.GuestOffer);

const ComposerFiles = lazyView(loadFiles, (views) => views.ComposerFiles);

const NO_FILES: FilesToSend = { attachments: [], underWay: false, failed: false, choose: () => {}, clear: () => {} };

/** Where messages are written, or in words why they cannot be. */
export function Composer({ room, threadRoot, replyTo = null, onReplyEnd, onArrowUp }: ComposerProps): JSX.Element {
  const { chat, tenant } = useChat();
  const i18n = useI18n();
  const [alsoInRoom, setAlsoInRoom] = useState(false);
  const [picker, setPicker] = useState<Element | null>(null);
  const editor = useRef<EditorHandle | null>(null);
  const obstacle = useObstacle(room);
  const draftId = threadRoot ?? room.id;

  const onInput = useStable((text: string) => {
    keepDraft(chat, draftId, { text, replyTo });
    if (threadRoot !== undefined || !tenant.features.typing) return;
    if (text.trim() === "") room.stopTyping();
    else room.startTyping();
  });
  const composer = useRef<HTMLDivElement>(null);
  const [files, setFiles] = useState<FilesToSend>(NO_FILES);
  const onSubmit = (content: string): void => {
    const inThread = threadRoot === undefined ? {} : { threadRoot, alsoInRoom };
    room.send(content, { replyTo: replyTo ?? undefined, attachments: files.attachments, ...inThread });
    files.clear();
    onReplyEnd?.();
  };
  // Whoever chooses to reply goes on by writing.
  useLayoutEffect(() => {
    if (replyTo) editor.current?.focus();
  }, [replyTo]);
  const label =
    threadRoot !== undefined
      ? i18n.t("composer.reply_in_thread")
      : i18n.t("composer.message_to", { name: roomTitle(room.info) });

  if (obstacle?.closes) return <p class="composer composer-closed" role="status">{obstacle.text}</p>;
  return (
    <div ref={composer} class="composer" part="composer">
      {threadRoot === undefined && <GuestOffer room={room} />}
      {replyTo && (
        <div class="composer-reply">
          <p>
            <strong>{i18n.t("composer.reply_to", { name: displayName(replyTo.user) })}</strong>
            <span dir="auto">{replyTo.content || i18n.t("attachments.file")}</span>
          </p>
          <IconButton icon="close" label={i18n.t("composer.cancel_reply")} onClick={onReplyEnd} />
        </div>
      )}
      {tenant.uploadBytesMax > 0 && (
        <ComposerFiles room={room} bytesMax={tenant.uploadBytesMax} composer={composer} onChange={setFiles} />
      )}
      <Editor
        key={draftId}
        value={draftOf(chat, draftId).text}
        label={label}
        placeholder={label}
        charsMax={tenant.messageCharsMax}
        people={() => knownUsers(room, chat.me)}
        held={(obstacle !== null && !obstacle.waits) || files.failed}
        waitsFor={files.underWay ? i18n.t("attachments.waiting") : null}
        mayBeEmpty={files.underWay || files.attachments.length > 0}
        handle={editor}
        onInput={onInput}
        onSubmit={onSubmit}
        {...(onArrowUp && { onArrowUp })}
      >
        {tenant.uploadBytesMax > 0 && (
          <IconButton icon="attach" label={i18n.t("attachments.add")} onClick={files.choose} />
        )}
        <IconButton
          icon="smile"
          label={i18n.t("composer.emoji")}
          aria-haspopup="dialog"
          aria-expanded={picker !== null}
          onClick={(event) => setPicker(picker ? null : event.currentTarget)}
        />
      </Editor>
      {picker && (
        <EmojiPopover
          anchor={picker}
          onClose={() => setPicker(null)}
          onChoose={(glyph) => {
            setPicker(null);
            editor.current?.insert(glyph);
          }}
        />
      )}
      {threadRoot !== undefined && (
        <label class="composer-option">
          <input
            type="checkbox"
            checked={alsoInRoom}
            onChange={(event) => setAlsoInRoom(event.currentTarget.checked)}
          />
          {i18n.t("composer.also_in_room")}
        </label>
      )}
      {obstacle && <p class="composer-note" role="status">{obstacle.text}</p>}
    </div>
  );
}
