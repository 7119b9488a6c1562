import type { Message } from "parlour-client";

/** A message with what a test says of it, and something plausible in the rest. */
export function message(seq: number, parts: Partial<Message> = {}): Message {
  return {
    key: `m${seq}`,
    id: `m${seq}`,
    roomId: "room",
    seq,
    changedSeq: seq,
    user: { id: "ann", username: "ann" },
    content: `message ${seq}`,
    own: false,
    replyTo: null,
    threadRoot: null,
    inRoom: true,
    thread: null,
    reactions: [],
    mentions: [],
    attachments: [],
    pinnedAt: null,
    editedAt: null,
    deletedAt: null,
    insertedAt: "2026-03-01T12:00:00.000000Z",
    state: "sent",
    failure: null,
    ...parts,
  };
}
