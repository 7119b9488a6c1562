// @ts-check
// The blog's backend: who is signed in, and a token that says so to the chat. A real one has passwords.
import { randomUUID } from "node:crypto";
import { chatToken } from "../lib/token.mjs";

/** @typedef {import("../lib/token.mjs").Person} Person */

/** @type {Record<string, Person>} */
export const READERS = {
  ada: { id: "reader-ada", name: "Ada Lindqvist" },
  jonas: { id: "reader-jonas", name: "Jonas Weber" },
  leyla: { id: "reader-leyla", name: "Leyla Haddad" },
};

/**
 * @param {import("../lib/token.mjs").SigningKey} key
 * @returns {Record<string, import("../lib/site.mjs").Route>}
 */
export function backend(key) {
  /** @type {Map<string, Person>} */
  const sessions = new Map();
  const current = (/** @type {import("../lib/site.mjs").Visit} */ { cookies }) => sessions.get(cookies["session"] ?? "");

  return {
    "GET /me": (visit) => ({ body: { reader: current(visit) ?? null } }),

    "POST /sign-in": ({ body }) => {
      const reader = typeof body.reader === "string" && Object.hasOwn(READERS, body.reader) ? READERS[body.reader] : null;
      if (!reader) return { status: 422, body: { error: "nobody of that name" } };
      const session = randomUUID();
      sessions.set(session, reader);
      return { body: { reader }, cookie: `session=${session}; HttpOnly; SameSite=Lax; Path=/` };
    },

    "POST /sign-out": ({ cookies }) => {
      sessions.delete(cookies["session"] ?? "");
      return { body: {}, cookie: "session=; Max-Age=0; HttpOnly; SameSite=Lax; Path=/" };
    },

    "GET /chat-token": (visit) => {
      const reader = current(visit);
      return reader ? { body: { token: chatToken(key, reader) } } : { status: 401, body: { error: "sign in first" } };
    },
  };
}
