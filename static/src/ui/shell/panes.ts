// What is around a conversation, in a chunk of its own: a chat of one room is shown without it.
import "../more-icons.ts";
import surfaces from "../surfaces.css?inline";
import fields from "../fields.css?inline";
import panes from "./panes.css?inline";
import rooms from "./rooms.css?inline";

export { directMessage } from "parlour-client/directory";
export { AsidePane } from "./aside-pane.tsx";
export { DiscoverPane } from "./discover-pane.tsx";
export { NewMessageDialog } from "./new-message-dialog.tsx";
export { NewRoomDialog } from "./new-room-dialog.tsx";
export { PaneFocus } from "./pane-focus.ts";
export { RoomsPane } from "./rooms-pane.tsx";

export const styles: readonly string[] = [surfaces, fields, rooms, panes];
