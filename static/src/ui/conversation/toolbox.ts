import emoji from "../emoji/emoji.css?inline";
import "../more-icons.ts";
import surfaces from "../surfaces.css?inline";
import tools from "./tools.css?inline";

export { EmojiPopover } from "../emoji/emoji-popover.tsx";
export { Completion } from "./completion-list.tsx";
export { ConfirmDelete } from "./confirm-delete.tsx";
export { GuestOffer } from "./guest-offer.tsx";
export { MessageToolbar } from "./message-toolbar.tsx";
export { People } from "./people.tsx";
export { ThreadPane } from "./thread-pane.tsx";
export { TypingLine } from "./typing-line.tsx";

export const styles: readonly string[] = [surfaces, tools, emoji];
