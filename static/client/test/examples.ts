// Messages and users as the server tells them.
import type { WireMessage } from "../src/wire.js";
import { expected } from "../src/rest.js";
import { parseMessage } from "../src/wire.js";

export const ANN = { id: "ann", username: "ann", kind: "account" } as const;
export const BEN = { id: "ben", username: "ben", kind: "account" } as const;

/** The JSON of a message. */
export function json(seq: number, others: object = {}): object {
  return {
    id: `m${seq}`,
    room_id: "room",
    seq,
    changed_seq: seq,
    type: "text",
    content: `text ${seq}`,
    user: { id: "ben", username: "ben" },
    client_id: null,
    reply_to: null,
    thread_root: null,
    in_room: true,
    thread: null,
    reactions: [],
    mentions: [],
    pinned_at: null,
    edited_at: null,
    deleted_at: null,
    inserted_at: "2026-11-22T06:06:12.626832Z",
    ...others,
  };
}

export function message(seq: number, others: object = {}): WireMessage {
  return expected(parseMessage(json(seq, others)));
}
