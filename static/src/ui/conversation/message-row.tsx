import { displayName, type Message, type Quote, type UserRef } from "parlour-client";
import type { JSX } from "preact";
import { Avatar } from "../avatar.tsx";
import { Button } from "../button.tsx";
import { useI18n } from "../context.ts";
import { errorText } from "../errors.ts";
import { memo } from "../hooks.ts";
import { Icon } from "../icons.tsx";
import { lazyView } from "../lazy-view.ts";
import { RichText } from "../rich-text.tsx";
import { Editor } from "./editor.tsx";
import { loadFiles } from "./files.ts";
import { Reactions } from "./reactions.tsx";
import type { Scene } from "./scene.ts";
import { loadTools } from "./tools.ts";

interface MessageRowProps {
  message: Message;
  /** Whether it begins a run of messages of its author, and whether it ends one. */
  first: boolean;
  last: boolean;
  scene: Scene;
  /** Whether it is pointed at or has the focus: then there is what can be done with it. */
  active: boolean;
  editing: boolean;
  /** Who has read up to here, in words, under the last of one's own messages that somebody has read. */
  seenBy: string | null;
}

const MessageToolbar = lazyView(loadTools, (tools) => tools.MessageToolbar);

const MessageAttachments = lazyView(loadFiles, (views) => views.MessageAttachments);

/** A few emoji and nothing else, which are shown large. */
const JUMBO = /^(?=.*\p{Extended_Pictographic})[\p{Extended_Pictographic}\p{EMod}\p{RI}\u200d\ufe0f\s]{1,16}$/u;

/** A message. */
export const MessageRow = memo(function MessageRow(props: MessageRowProps): JSX.Element {
  const { message, first, last, scene, active, editing, seenBy } = props;
  const i18n = useI18n();
  const deleted = message.deletedAt !== null;
  const mentionsMe = scene.me !== null && message.mentions.includes(scene.me.id);
  const classes = [
    "message",
    message.own && "message-own",
    first && "message-first",
    last && "message-last",
    mentionsMe && "message-to-me",
    message.state !== "sent" && `message-${message.state}`,
    active && "message-active",
  ];
  return (
    <li class={classes.filter(Boolean).join(" ")} data-key={message.key} tabIndex={-1}>
      {first ? (
        <Author user={message.user} scene={scene} message={message} />
      ) : (
        <span class="visually-hidden">{displayName(message.user)}</span>
      )}
      <div class="message-main">
        {message.replyTo && <QuoteButton quote={message.replyTo} onJump={scene.actions.jump} />}
        {editing ? (
          <Editor
            value={message.content}
            label={i18n.t("message.edit")}
            charsMax={scene.messageCharsMax}
            autofocus
            mayBeEmpty={message.attachments.length > 0}
            onSubmit={(content) => scene.actions.saveEdit(message, content)}
            onCancel={scene.actions.cancelEdit}
          />
        ) : (
          <Bubble message={message} me={scene.me?.username} />
        )}
        {message.attachments.length > 0 && <MessageAttachments message={message} />}
        {!first && <Time message={message} />}
      </div>
      {message.pinnedAt && <p class="message-note"><Icon name="pin" />{i18n.t("message.pinned")}</p>}
      {message.reactions.length > 0 && <Reactions message={message} scene={scene} />}
      {scene.actions.openThread && <ThreadLink message={message} onOpen={scene.actions.openThread} />}
      {message.state === "pending" && <span class="visually-hidden">{i18n.t("message.sending")}</span>}
      {message.state === "failed" && <Failure message={message} scene={scene} />}
      {seenBy !== null && <p class="message-note message-seen"><Icon name="check" />{seenBy}</p>}
      {active && !editing && !deleted && message.id !== null && <MessageToolbar message={message} scene={scene} />}
    </li>
  );
});

/** The text; nothing where there are only files. */
function Bubble({ message, me }: { message: Message; me: string | undefined }): JSX.Element | null {
  const i18n = useI18n();
  const { content, mentions, attachments, editedAt, deletedAt } = message;
  if (deletedAt !== null) {
    return <div class="message-bubble message-deleted" part="bubble">{i18n.t("message.deleted")}</div>;
  }
  if (content === "" && attachments.length > 0) return null;
  return (
    <div class={JUMBO.test(content) ? "message-bubble message-jumbo" : "message-bubble"} part="bubble" dir="auto">
      <RichText text={content} me={me} mentions={mentions.length > 0} />
      {editedAt !== null && (
        <small class="message-edited" title={i18n.dateTime(new Date(editedAt))}>{i18n.t("message.edited")}</small>
      )}
    </div>
  );
}

interface ThreadLinkProps {
  message: Message;
  onOpen: (message: Message) => void;
}

/** Leads to the thread under a message, or to the one that a reply shown in the room belongs to. */
function ThreadLink({ message, onOpen }: ThreadLinkProps): JSX.Element | null {
  const i18n = useI18n();
  const { id, thread, threadRoot, inRoom } = message;
  const isRoot = thread !== null && thread.rootId === id;
  if (!isRoot && !(threadRoot !== null && inRoom)) return null;
  const last = isRoot && thread.lastReplyAt !== null ? i18n.dateTime(new Date(thread.lastReplyAt)) : undefined;
  return (
    <button type="button" class="message-thread" title={last} onClick={() => onOpen(message)}>
      <Icon name="thread" />
      {isRoot ? i18n.t("message.replies", { count: thread.replyCount }) : i18n.t("message.in_thread")}
    </button>
  );
}

function Author({ user, scene, message }: { user: UserRef; scene: Scene; message: Message }): JSX.Element {
  const i18n = useI18n();
  const { showProfile } = scene.actions;
  return (
    <div class="message-head">
      <Avatar user={user} />
      {showProfile ? (
        <button type="button" class="message-author" onClick={() => showProfile(user)}>{displayName(user)}</button>
      ) : (
        <span class="message-author">{displayName(user)}</span>
      )}
      {(user.kind === "bot" || user.kind === "guest") && (
        <span class="message-kind">{i18n.t(`message.${user.kind}`)}</span>
      )}
      <Time message={message} />
    </div>
  );
}

function Time({ message }: { message: Message }): JSX.Element {
  const i18n = useI18n();
  const date = new Date(message.insertedAt);
  return <time class="message-time" dateTime={message.insertedAt} title={i18n.dateTime(date)}>{i18n.time(date)}</time>;
}

function QuoteButton({ quote, onJump }: { quote: Quote; onJump: (id: string) => void }): JSX.Element {
  const i18n = useI18n();
  return (
    <button type="button" class="message-quote" onClick={() => onJump(quote.id)}>
      <strong>{displayName(quote.user)}</strong>
      <span dir="auto">{quote.deleted ? i18n.t("message.deleted") : quote.excerpt || i18n.t("attachments.file")}</span>
    </button>
  );
}

function Failure({ message, scene }: { message: Message; scene: Scene }): JSX.Element {
  const i18n = useI18n();
  return (
    <div class="message-failure">
      <span>{message.failure ? errorText(i18n, message.failure) : i18n.t("message.failed")}</span>
      <Button icon="retry" onClick={() => scene.actions.retry(message)}>{i18n.t("common.retry")}</Button>
      <Button icon="trash" onClick={() => scene.actions.discard(message)}>{i18n.t("message.discard")}</Button>
    </div>
  );
}
