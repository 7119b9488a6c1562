// The ways to come and to go.
import { asText, record } from "./fields.js";
import type { UserRef } from "./model.js";
import type { Parlour } from "./parlour.js";
import { naming } from "./refusals.js";
import { read } from "./rest.js";
import { parseUser } from "./wire.js";

export { identify, loginAsGuest, renameGuest, resume } from "./visitors.js";

const parseSession = record({ user: parseUser, token: asText });

/**
 * Makes an account, and signs in with it.
 *
 * @throws {ChatError} `invalid` with the fields that break rules; `registration_closed`
 */
export function register(chat: Parlour, username: string, password: string): Promise<UserRef> {
  return signIn(chat, "register", username, password);
}

/** @throws {ChatError} `invalid_credentials` */
export function login(chat: Parlour, username: string, password: string): Promise<UserRef> {
  return signIn(chat, "login", username, password);
}

/**
 * Changes the password of an account, which ends all its other sessions. This one has another token after it.
 *
 * @throws {ChatError} `invalid` with the fields that break rules
 */
export async function changePassword(chat: Parlour, current: string, next: string): Promise<void> {
  const body = { current_password: current, new_password: next };
  await chat.settled();
  await chat.signIn(read(chat.rest.askAs(chat.token, "PUT", "/auth/password", body), parseSession));
}

/** Signs out, and disconnects. The token is forgotten even when the server cannot be told; then it ends by itself. */
export async function logout(chat: Parlour): Promise<void> {
  const { token } = chat;
  chat.forget();
  if (token !== null) await chat.rest.askAs(token, "DELETE", "/auth/logout").catch(() => {});
}

function signIn(chat: Parlour, how: string, username: string, password: string): Promise<UserRef> {
  const asked = chat.rest.askAs(null, "POST", `/auth/${how}`, { username, password });
  return chat.signIn(read(asked.catch(naming("invalid username or password", "invalid_credentials")), parseSession));
}
