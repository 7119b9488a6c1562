// What the server sends, and what somebody who is not our server might.
import { describe, expect, it } from "vitest";
import { restError, replyError } from "../src/refusals.js";
import { parseJoinReply, parseReactionChange } from "../src/room-wire.js";
import { parseConversation, parseMessage, parseRoom, parseUnread, parseUser } from "../src/wire.js";
import { parseTenant } from "../src/tenant.js";
import { json } from "./examples.js";

/** Values that are not what anything should be. */
const NONSENSE = [undefined, null, true, 7, -1, NaN, "text", [], [null], {}, { __proto__: null }, { id: {} }, () => {}];

describe("parsing", () => {
  it("takes nonsense for nothing, and never throws", () => {
    const parsers = [parseUser, parseRoom, parseMessage, parseTenant, parseUnread, parseConversation, parseJoinReply];
    for (const parse of parsers) for (const value of NONSENSE) expect(parse(value, undefined)).toBeUndefined();
  });

  it("takes a message whose every field may be nonsense only as far as it holds", () => {
    for (const name of ["id", "room_id", "seq", "changed_seq", "user", "content", "inserted_at"]) {
      for (const value of NONSENSE.filter((value) => typeof value !== "string" && value !== 7)) {
        expect(parseMessage(json(1, { [name]: value }))).toBeUndefined();
      }
    }
    for (const name of ["client_id", "reply_to", "thread_root", "thread", "pinned_at", "edited_at", "deleted_at"]) {
      for (const value of NONSENSE.filter((value) => typeof value !== "string")) {
        expect(parseMessage(json(1, { [name]: value }))).toMatchObject({ id: "m1" });
      }
    }
    for (const name of ["reactions", "mentions"]) {
      for (const value of NONSENSE) expect(parseMessage(json(1, { [name]: value }))).toMatchObject({ id: "m1" });
    }
    // A text that is an object would be a node to some views.
    expect(parseMessage(json(1, { content: { type: "script", props: {} } }))).toBeUndefined();
  });

  it("leaves out what is no reaction, and passes over what it does not know", () => {
    const reactions = [null, { emoji: "", count: 1 }, { emoji: "👍", count: 2, users: [null, { id: "a", username: "a" }] }];
    const parsed = parseMessage(json(1, { reactions, future: { anything: true } }));
    expect(parsed?.reactions).toMatchObject([{ emoji: "", count: 1 }, { emoji: "👍", count: 2, users: [{ id: "a" }] }]);
    expect(parsed).not.toHaveProperty("future");
  });

  it("takes no picture but from a safe address", () => {
    for (const avatar_url of ["javascript:alert(1)", "http://x.example/a.png", "data:image/svg+xml,", " https://x", 7]) {
      expect(parseUser({ id: "a", username: "a", avatar_url })).toEqual({ id: "a", username: "a", kind: "account" });
    }
    expect(parseUser({ user_id: "a", username: "a", avatar_url: "https://x.example/a.png", kind: "alien" })).toEqual({
      id: "a",
      username: "a",
      avatarUrl: "https://x.example/a.png",
      kind: "account",
    });
  });

  it("reads the reply to a join, first and later", () => {
    const room = { id: "room", slug: null, kind: "dm", name: "", inserted_at: "2026-11-22T06:06:12Z" };
    const first = { room, role: "member", epoch: "e", head_seq: 3 };
    expect(parseJoinReply(first)).toMatchObject({ recovered: null, messages: [], room: { role: "member" } });
    const later = parseJoinReply({ ...first, recovered: false, messages: [json(1), 7], has_more: true });
    expect(later).toMatchObject({ recovered: false, messages: [{ id: "m1" }], hasMore: true });
  });

  it("reads who reacted only where that is told", () => {
    const payload = { emoji: "👍", user: { id: "ann", username: "ann" } };
    expect(parseReactionChange("reaction_added", payload)).toMatchObject({ user: { id: "ann" }, emoji: "👍", added: true });
    expect(parseReactionChange("message_edited", payload)).toBeUndefined();
  });
});

describe("refusals", () => {
  it("have one code, over REST and on sockets", () => {
    expect(restError(403, { error: "banned from this room" }, null)).toMatchObject({ code: "banned", status: 403 });
    expect(restError(404, { error: "room not found" }, null).code).toBe("room_not_found");
    expect(replyError({ reason: "room not found" }).code).toBe("room_not_found");
    expect(restError(403, { error: "origin not allowed" }, null).code).toBe("origin_not_allowed");
    expect(restError(403, { error: "something new" }, null).code).toBe("forbidden");
    expect(replyError({ reason: "muted", until: "2099-01-01T00:00:00Z" })).toMatchObject({
      code: "muted",
      until: "2099-01-01T00:00:00Z",
    });
  });

  it("tell when to come back, and which fields are wrong", () => {
    expect(restError(429, { retry_after_ms: 261 }, "1").retryAfterMs).toBe(261);
    expect(restError(503, "<html>", "2")).toMatchObject({ code: "unavailable", retryAfterMs: 2000 });
    const fields = { content: ["is too long", 7] };
    expect(restError(422, { errors: fields }, null).fields).toEqual({ content: ["is too long"] });
  });

  it("make sense of nonsense", () => {
    for (const body of NONSENSE) {
      expect(restError(400, body, null).code).toBe("invalid");
      expect(replyError(body).code).toBe("protocol");
    }
  });
});
