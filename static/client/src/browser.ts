// What `/parlour-client.js` has: everything that pages without a build step may want.
export * from "./index.js";
export { changePassword, identify, login, loginAsGuest, logout, register, renameGuest, resume } from "./accounts.js";
export { deleteMessage, editMessage, markUnread, pin, react, unpin, unreact } from "./changes.js";
export { becomeMember, createRoom, directMessage, endMembership, getMembers, getUsers } from "./directory.js";
export { ErlexChat, type ErlexChatOptions, type RoomCallbacks } from "./erlex-chat.js";
export { indexedDbQueue } from "./indexed-db.js";
export { PageRoom, type Page } from "./page-room.js";
export { tenantInfo } from "./tenant.js";
export { openThread } from "./thread.js";
export { upload } from "./uploads.js";
