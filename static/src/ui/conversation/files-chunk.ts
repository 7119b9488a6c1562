export { MessageAttachments } from "./attachments.tsx";
export { ComposerFiles } from "./composer-files.tsx";
