// The ways to come that need no password: as a guest, by the word of a website, by a session from before.
import type { Session } from "./account.js";
import { ChatError } from "./error.js";
import { asText, record } from "./fields.js";
import type { UserRef } from "./model.js";
import type { GetToken } from "./options.js";
import type { Parlour } from "./parlour.js";
import { asChatError } from "./refusals.js";
import { expected, read } from "./rest.js";
import { parseUser } from "./wire.js";

const parseGuest = record({ user: parseUser, token: asText, guestKey: asText });

/**
 * Comes as a guest: as the one whose {@link Parlour.guestKey} is known, else as a new one.
 *
 * @throws {ChatError} `guests_not_allowed`; `invalid` when the name is none
 */
export function loginAsGuest(chat: Parlour, { name }: { name?: string | undefined } = {}): Promise<UserRef> {
  return chat.signIn(askGuest(chat, name), () => askGuest(chat));
}

/**
 * Signs in a user of the website, with tokens that its backend signs. A function is asked again before a token ends.
 * Who was a guest takes over what they wrote, where the tenant allows it; that ends the guest's session.
 *
 * @param onClaim - called before it does: the time to disconnect another client that has the session
 * @throws {ChatError} `token_unavailable` when the website has none; `unauthorized` when it is no good
 */
export function identify(chat: Parlour, getToken: GetToken | string, onClaim?: () => void): Promise<UserRef> {
  if (typeof getToken !== "function") return chat.signIn(claimed(chat, vouched(chat, () => getToken), onClaim));
  const ask = () => vouched(chat, getToken);
  return chat.signIn(claimed(chat, ask(), onClaim), ask);
}

/**
 * Signs in with the {@link Parlour.token} of a session from before.
 *
 * @throws {ChatError} `unauthorized` when it has ended
 */
export function resume(chat: Parlour, token: string): Promise<UserRef> {
  return chat.signIn(chat.sessionOf(token));
}

/**
 * Gives the guest, who the user is, another name.
 *
 * @throws {ChatError} `forbidden` when the user is no guest; `invalid`
 */
export function renameGuest(chat: Parlour, name: string): Promise<UserRef> {
  if (chat.me?.kind !== "guest") return Promise.reject(new ChatError("forbidden"));
  return loginAsGuest(chat, { name });
}

function askGuest(chat: Parlour, name?: string): Promise<Session> {
  const body = { guest_key: chat.guestKey ?? undefined, name };
  return read(chat.rest.askAs(null, "POST", "/auth/guest", body), parseGuest);
}

/** A session by a token of the website that the server takes; the first one may be one that has ended. */
async function vouched(chat: Parlour, getToken: GetToken, again = true): Promise<Session> {
  let token: string;
  try {
    // The website's answer is not of our making.
    token = expected(asText(await getToken()));
  } catch (cause) {
    throw new ChatError("token_unavailable", undefined, { cause });
  }
  try {
    return await chat.sessionOf(token);
  } catch (error) {
    if (again && asChatError(error).status === 401) return vouched(chat, getToken, false);
    throw error;
  }
}

/** Makes what the guest wrote the user's. Where that is not allowed, the guest stays somebody else. */
async function claimed(chat: Parlour, asked: Promise<Session>, onClaim?: () => void): Promise<Session> {
  const session = await asked;
  const { guestKey } = chat;
  if (guestKey === null) return session;
  onClaim?.();
  return chat.rest.askAs(session.token, "POST", "/auth/claim", { guest_key: guestKey }).then(
    () => ({ ...session, claimed: true }),
    () => session,
  );
}
