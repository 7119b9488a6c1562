/** Anything that JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Where a user comes from: an account of the server, a website's own user, a guest, or a program. */
export type UserKind = "account" | "host" | "guest" | "bot";

/** A user, as others see them. */
export interface UserRef {
  readonly id: string;
  /** What `@mentions` use; unique in the tenant. */
  readonly username: string;
  readonly name?: string;
  /** A picture, always `https:`. */
  readonly avatarUrl?: string;
  readonly kind?: UserKind;
}

/** The name to show of a user. */
export function displayName(user: UserRef): string {
  return user.name ?? user.username;
}

/** What a client has to know of a tenant before anybody is signed in. */
export interface TenantInfo {
  readonly slug: string;
  readonly name: string;
  readonly publicKey: string;
  /** Whether people can make accounts. */
  readonly registration: boolean;
  /** Whether visitors can come as guests. */
  readonly guests: boolean;
  /** Whether pages have rooms of their own. */
  readonly pageRooms: boolean;
  readonly features: Features;
  /** Most characters of a message. */
  readonly messageCharsMax: number;
  /** Most bytes of a file that is sent with a message; 0 where none can be sent. */
  readonly uploadBytesMax: number;
  /** Whether it is told who is there. */
  readonly presence: boolean;
}

/** What there is to do in a tenant's rooms. */
export interface Features {
  readonly reactions: boolean;
  readonly threads: boolean;
  readonly directMessages: boolean;
  readonly typing: boolean;
  readonly readMarks: boolean;
}

/** What somebody may do in a room, from most to least. */
export type Role = "owner" | "admin" | "moderator" | "member" | "reader";

/** Who may come into a room; `dm` is a conversation of two. */
export type RoomKind = "public" | "private" | "dm";

export interface RoomInfo {
  readonly id: string;
  /** The room's name in paths and topics; conversations of two have none. */
  readonly slug: string | null;
  readonly kind: RoomKind;
  readonly name: string;
  readonly description: string | null;
  /** The user's own role; `null` for who is no member. */
  readonly role: Role | null;
  /** Seconds that everybody below moderator has to wait between two messages; 0 for none. */
  readonly slowModeSeconds: number;
  /** Whether nobody below moderator may write. */
  readonly frozen: boolean;
  /** The page that the room belongs to, if it is one of a page. */
  readonly pageUrl: string | null;
  /** The other one, in a conversation of two. */
  readonly peer?: UserRef;
  /** ISO 8601, UTC. */
  readonly insertedAt: string;
}

/** A room in the list of rooms. */
export interface RoomSummary {
  readonly info: RoomInfo;
  /** Exact up to 999. */
  readonly unread: number;
  /** How many unread messages name the user; exact up to 999. */
  readonly mentions: number;
  /** When something happened there last, as far as it is known; ISO 8601, UTC. */
  readonly lastActivity: string;
}

/** How much is unread; each number is exact up to 999 per room. */
export interface UnreadCount {
  readonly unread: number;
  readonly mentions: number;
}

/** What changed about unread messages: of which room, if it was one, and the sum over all rooms. */
export interface UnreadTotals {
  readonly roomId: string | null;
  readonly total: number;
}

export interface Member {
  readonly user: UserRef;
  readonly role: Role;
}

/** One emoji under a message. */
export interface Reaction {
  readonly emoji: string;
  readonly count: number;
  /** The first of those who chose it, up to 5. */
  readonly users: readonly UserRef[];
  /** Whether the user is among them. */
  readonly me: boolean;
}

/** The message that another one answers, as far as it is shown with that. */
export interface Quote {
  readonly id: string;
  readonly user: UserRef;
  /** The first 120 characters; empty when the message was deleted. */
  readonly excerpt: string;
  readonly deleted: boolean;
}

/** The thread a message is in, the same for all its messages. */
export interface ThreadSummary {
  readonly rootId: string;
  readonly replyCount: number;
  /** ISO 8601, UTC; `null` when all replies were deleted. */
  readonly lastReplyAt: string | null;
}

/** Who is in a room. */
export interface PresenceInfo {
  /** How exact it is: `users` are all, all with some delay, or some of `count`; `off` where it is not told. */
  readonly level: "exact" | "batched" | "sampled" | "off";
  readonly count: number;
  readonly users: readonly UserRef[];
}

/**
 * How it stands with the connection: not wanted (`idle`), being made, there, being waited with after a failure, not
 * possible because the device has no network (it is tried all the same), refused because the identity is no good, or
 * over for good (after `destroy`).
 */
export type ConnectionState = "idle" | "connecting" | "open" | "waiting" | "offline" | "refused" | "closed";
