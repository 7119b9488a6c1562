import { ChatError, type PageRoom, type Room } from "parlour-client";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import { Icon } from "../icons.tsx";
import { RichText } from "../rich-text.tsx";
import { ConnectionBanner } from "./banner.tsx";
import { keepDraft } from "./draft.ts";
import { Editor } from "./editor.tsx";
import { Header } from "./header.tsx";

export interface PageConversationProps {
  page: PageRoom;
  /** What the page is called. */
  title: string;
  onBack?: (() => void) | undefined;
  onClose?: (() => void) | undefined;
  /** The first message has made the room. */
  onRoom: (room: Room) => void;
}

/** It has what every conversation has, and no styles of its own. */
export const styles: readonly string[] = [];

/** The conversation of a page where nobody has written yet: sending the first message makes its room. */
export function PageConversation({ page, title, onBack, onClose, onRoom }: PageConversationProps): JSX.Element {
  const { chat, tenant, notify } = useChat();
  const i18n = useI18n();
  const [sending, setSending] = useState<string | null>(null);
  const typed = useRef("");
  // A text that could not be sent is put back into the field, which a new key makes anew.
  const [unsent, setUnsent] = useState({ text: "", attempt: 0 });
  const label = i18n.t("composer.message_to", { name: title });
  const send = async (content: string): Promise<void> => {
    setSending(content);
    try {
      const room = await page.send(content);
      // What was typed meanwhile goes on in the room.
      keepDraft(chat, room.id, { text: typed.current, replyTo: null });
      onRoom(room);
    } catch (error) {
      notify(error instanceof ChatError ? error : i18n.t("errors.other"));
      const text = [content, typed.current].filter(Boolean).join("\n");
      setUnsent(({ attempt }) => ({ text, attempt: attempt + 1 }));
      setSending(null);
    }
  };
  const sign = <span class="room-sign"><Icon name="chat" /></span>;
  return (
    <section class="conversation" aria-label={title}>
      <Header title={title} sign={sign} onBack={onBack} onClose={onClose} />
      <ConnectionBanner />
      <div class="message-list-frame">
        <div class="message-list">
          <div class="beginning message-list-top">
            {sign}
            <h3 dir="auto">{title}</h3>
            <p>{i18n.t(sending === null ? "conversation.empty" : "conversation.beginning")}</p>
          </div>
          {sending !== null && (
            <div class="message message-own message-first message-last message-pending">
              <div class="message-bubble" part="bubble" dir="auto"><RichText text={sending} mentions={false} /></div>
            </div>
          )}
        </div>
      </div>
      <div class="composer" part="composer">
        <Editor
          key={unsent.attempt}
          value={unsent.text}
          label={label}
          placeholder={label}
          charsMax={tenant.messageCharsMax}
          held={sending !== null}
          onInput={(text) => void (typed.current = text)}
          onSubmit={(content) => void send(content)}
        />
      </div>
    </section>
  );
}
