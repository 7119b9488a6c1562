export { EmojiPopover } from "../emoji/emoji-popover.tsx";
export { ConfirmDelete } from "./confirm-delete.tsx";
export { GuestName } from "./guest-name.tsx";
export { MessageToolbar } from "./message-toolbar.tsx";
export { PeoplePopover } from "./people-popover.tsx";
export { ThreadPane } from "./thread-pane.tsx";
