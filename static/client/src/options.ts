import type { Attachment } from "./attachment.js";
import type { UserRef } from "./model.js";
import type { Parlour } from "./parlour.js";

/** Gives a token that the website has signed for its user; asked again whenever the last one is about to end. */
export type GetToken = () => Promise<string> | string;

/** As much of the standard `WebSocket` as is needed; in Node the one of the package `ws` fits. */
export type WebSocketClass = new (url: string, protocols?: string | string[]) => object;

export interface Options {
  /** Base of the server, with a sub-path if it has one: `https://chat.example/`. */
  url: string;
  /** Slug or public key (`pk_…`) of the tenant; the server's default tenant when missing. */
  tenant?: string | undefined;
  /** A way in, tried when somebody is needed and nobody has signed in: `(chat) => identify(chat, getToken)`. */
  signIn?: ((chat: Parlour) => Promise<UserRef>) | undefined;
  /** The key of a guest from before, who comes back with `loginAsGuest`. */
  guestKey?: string | undefined;
  /** Used in place of the global one. */
  fetch?: typeof fetch | undefined;
  /** Used in place of the global one. */
  WebSocket?: WebSocketClass | undefined;
  /** `auto`, the default, falls back to long polls where no WebSocket gets through. */
  transport?: "websocket" | "longpoll" | "auto" | undefined;
  /** Most messages that wait to be sent; 50 by default. */
  queueMax?: number | undefined;
  /** Most messages of a room that are kept as new ones come, beside those loaded on request; 1000 by default. */
  timelineMax?: number | undefined;
  /** Keeps messages that wait to be sent beyond the life of this object. Nothing is stored without it. */
  storage?: QueueStorage | undefined;
}

/** A message that waits to be sent, as a {@link QueueStorage} keeps it. */
export interface QueuedMessage {
  readonly clientId: string;
  readonly roomId: string;
  readonly content: string;
  readonly replyTo: string | null;
  readonly threadRoot: string | null;
  readonly alsoInRoom: boolean;
  readonly attachments: readonly Attachment[];
  /** When it was sent by the user; ISO 8601, UTC. */
  readonly insertedAt: string;
}

/** Where messages that wait to be sent outlive a page. `owner` stands for one user of one tenant of one server. */
export interface QueueStorage {
  /** What waits, in the order it was added. */
  load(owner: string): Promise<readonly QueuedMessage[]>;
  add(owner: string, message: QueuedMessage): Promise<void>;
  remove(owner: string, clientId: string): Promise<void>;
}
