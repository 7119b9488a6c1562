import type { Attachment, Message } from "parlour-client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useI18n } from "../context.ts";
import { Icon } from "../icons.tsx";
import { fileSize } from "./file-size.ts";

/** How wide and high a picture is shown at most, in pixels. */
const PICTURE = { width: 320, height: 240 };

export interface MessageAttachmentsProps {
  message: Message;
}

/** The files in a message: pictures to look at, everything else to be saved. */
export function MessageAttachments({ message }: MessageAttachmentsProps): JSX.Element {
  const i18n = useI18n();
  return (
    <ul class="attachments" aria-label={i18n.t("attachments.list")}>
      {message.attachments.map((attachment) => (
        <li key={attachment.id}>
          <MessageAttachment attachment={attachment} />
        </li>
      ))}
    </ul>
  );
}

function MessageAttachment({ attachment }: { attachment: Attachment }): JSX.Element {
  const i18n = useI18n();
  // A picture whose address is good no longer, or that the page may not load, is a file like any other.
  const [broken, setBroken] = useState(false);
  const { name, url, width, height } = attachment;
  if (isPicture(attachment) && width !== null && height !== null && !broken) {
    const scale = Math.min(1, PICTURE.width / width, PICTURE.height / height);
    return (
      <a class="attachment-picture" href={url} target="_blank" rel="noopener noreferrer" aria-label={i18n.t("attachments.open", { name })}>
        <img
          src={url}
          alt={name}
          width={Math.max(1, Math.round(width * scale))}
          height={Math.max(1, Math.round(height * scale))}
          loading="lazy"
          decoding="async"
          referrerpolicy="no-referrer"
          onError={() => setBroken(true)}
        />
      </a>
    );
  }
  const size = fileSize(i18n.locale, attachment.bytes);
  return (
    <a class="attachment-file" href={url} download={name} rel="noopener noreferrer" title={i18n.t("attachments.download", { name, size })}>
      <Icon name="file" />
      <span class="attachment-name" dir="auto">{name}</span>
      <small>{size}</small>
    </a>
  );
}

/** Whether the server has found it to be a picture. What a file calls itself means nothing. */
export function isPicture({ mediaType }: Attachment): boolean {
  return mediaType.startsWith("image/");
}
