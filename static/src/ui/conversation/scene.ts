import type { Features, Message, Role, UserRef } from "parlour-client";

/** What can be done with a message. */
export interface MessageActions {
  reply: (message: Message) => void;
  openThread: ((message: Message) => void) | undefined;
  react: (message: Message, emoji: string) => void;
  startEdit: (message: Message) => void;
  saveEdit: (message: Message, content: string) => void;
  cancelEdit: () => void;
  askDelete: (message: Message) => void;
  togglePin: (message: Message) => void;
  markUnread: (message: Message) => void;
  copy: (message: Message) => void;
  retry: (message: Message) => void;
  discard: (message: Message) => void;
  /** Goes to a message that is quoted. */
  jump: (id: string) => void;
  showProfile: ((user: UserRef) => void) | undefined;
}

/** What all messages of a conversation have in common. */
export interface Scene {
  readonly me: UserRef | null;
  readonly features: Features;
  /** Whether the user may delete what others wrote, and pin. */
  readonly moderates: boolean;
  readonly canPin: boolean;
  readonly canWrite: boolean;
  readonly isMember: boolean;
  readonly messageCharsMax: number;
  readonly actions: MessageActions;
}

/** Whether this role may do what is for moderators and those above them. */
export function isModerator(role: Role | null): boolean {
  return role === "moderator" || role === "admin" || role === "owner";
}
