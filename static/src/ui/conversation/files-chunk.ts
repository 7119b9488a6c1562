import "../more-icons.ts";
import attachments from "./attachments.css?inline";

export { MessageAttachments } from "./attachments.tsx";
export { ComposerFiles } from "./composer-files.tsx";

export const styles: readonly string[] = [attachments];
