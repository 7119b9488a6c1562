import type { JSX } from "preact";
import { IconButton } from "../button.tsx";
import { useChat, useI18n } from "../context.ts";
import { errorText } from "../errors.ts";
import { useEmitter } from "../hooks.ts";
import { Icon } from "../icons.tsx";
import { isPicture } from "./attachments.tsx";
import { fileSize } from "./file-size.ts";
import type { PendingFile, Uploads } from "./uploads.ts";

/** The files that are to go with the next message: how far they are, and what is wrong with them. */
export function PendingFiles({ uploads }: { uploads: Uploads }): JSX.Element | null {
  const i18n = useI18n();
  useEmitter(uploads, "change");
  if (uploads.files.length === 0) return null;
  return (
    <ul class="pending-files" aria-label={i18n.t("attachments.list")}>
      {uploads.files.map((pending) => (
        <Chip key={pending.key} pending={pending} uploads={uploads} />
      ))}
    </ul>
  );
}

function Chip({ pending, uploads }: { pending: PendingFile; uploads: Uploads }): JSX.Element {
  const { tenant } = useChat();
  const i18n = useI18n();
  const { key, file, sent, attachment, failure } = pending;
  const { name } = file;
  const percent = new Intl.NumberFormat(i18n.locale, { style: "percent" }).format(sent);
  const words = (): string => {
    if (failure?.code === "empty") return i18n.t("attachments.empty", { name });
    if (failure?.code === "body_too_large") {
      return i18n.t("attachments.too_large", { name, size: fileSize(i18n.locale, tenant.uploadBytesMax) });
    }
    if (failure) return errorText(i18n, failure);
    return attachment ? fileSize(i18n.locale, attachment.bytes) : percent;
  };
  const mayPass = failure !== null && failure.code !== "empty" && failure.code !== "body_too_large";
  return (
    <li class={failure ? "pending-file pending-file-failed" : "pending-file"}>
      {attachment && isPicture(attachment) ? <img src={attachment.url} alt="" width="32" height="32" /> : <Icon name={failure ? "alert" : "file"} />}
      <span class="pending-file-text">
        <span class="attachment-name" dir="auto">{name}</span>
        <small role={failure ? "alert" : undefined}>{words()}</small>
      </span>
      {!attachment && !failure && (
        <progress max={1} value={sent} aria-label={i18n.t("attachments.uploading", { name, percent })} />
      )}
      {mayPass && <IconButton icon="retry" label={i18n.t("attachments.retry", { name })} onClick={() => uploads.retry(key)} />}
      <IconButton
        icon="close"
        label={i18n.t(attachment || failure ? "attachments.remove" : "attachments.cancel", { name })}
        onClick={() => uploads.remove(key)}
      />
    </li>
  );
}
