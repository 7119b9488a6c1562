export type { ParlourEvents } from "./account.js";
export type { Attachment } from "./attachment.js";
export type { NewRoom } from "./directory.js";
export { Emitter } from "./emitter.js";
export { ChatError, type ErrorDetails } from "./error.js";
export type { Message, SendOptions } from "./message.js";
export type { RoomEvents } from "./message-room.js";
export {
  displayName,
  type ConnectionState,
  type Features,
  type Json,
  type Member,
  type PresenceInfo,
  type Quote,
  type Reaction,
  type Role,
  type RoomInfo,
  type RoomKind,
  type RoomSummary,
  type TenantInfo,
  type ThreadSummary,
  type UnreadCount,
  type UnreadTotals,
  type UserKind,
  type UserRef,
} from "./model.js";
export type { GetToken, Options, QueuedMessage, QueueStorage, WebSocketClass } from "./options.js";
export type { Page, PageRoom } from "./page-room.js";
export { Parlour } from "./parlour.js";
export type { Room } from "./room.js";
export type { Thread } from "./thread.js";
export type { UploadOptions } from "./uploads.js";
