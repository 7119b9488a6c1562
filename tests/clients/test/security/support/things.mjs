// @ts-check
// What a site has, by kind, to be asked for by those who may and those who may not.
import { randomBytes, randomUUID } from "node:crypto";

/** @typedef {import("./target.mjs").Site} Site */
/** @typedef {import("./target.mjs").Visitor} Visitor */

/** A thumb, as it is written in a path. */
export const EMOJI = "%F0%9F%91%8D";

/**
 * Ids by kind.
 *
 * @typedef {Record<string, string>} Things
 */

/**
 * Who is in a site: `owner` has what is asked for; `peer`, `member` and `invited` have to do with it; `stranger` has
 * not.
 *
 * @typedef {Record<"owner" | "peer" | "member" | "invited" | "stranger", Visitor>} People
 */

/**
 * @param {Site} site
 * @returns {Promise<People>}
 */
export async function people(site) {
  const names = /** @type {const} */ (["owner", "peer", "member", "invited", "stranger"]);
  const users = await Promise.all(names.map(async (name) => [name, await site.user(name)]));
  return Object.fromEntries(users);
}

/**
 * Ids of nothing.
 *
 * @returns {Things}
 */
export function nothing() {
  const kinds = ["user", "room", "dm", "invitation", "message", "member", "invited", "apiKey", "admin"];
  const things = Object.fromEntries(kinds.map((kind) => [kind, randomUUID()]));
  return { ...things, tenant: `sec-${randomBytes(5).toString("hex")}`, key: randomUUID(), emoji: EMOJI };
}

/**
 * New things: a private room with a message, a member and somebody invited; a room the owner is invited to; a
 * conversation.
 *
 * @param {Site} site
 * @param {People} of
 * @returns {Promise<Things>}
 */
export async function things(site, { owner, peer, member, invited }) {
  const [room, elsewhere, { data: dm }] = await Promise.all([
    owner.rest.room({ name: "Hideout", kind: "private" }),
    peer.rest.room({ name: "Elsewhere", kind: "private" }),
    owner.rest.ok("POST", "/dm", { user_id: peer.id }),
  ]);
  const [message] = await Promise.all([
    owner.rest.send(room.id, "ours"),
    owner.rest.ok("POST", `/rooms/${room.id}/members`, { user_id: member.id }),
    owner.rest.ok("POST", `/rooms/${room.id}/invitations`, { user_id: invited.id }),
    peer.rest.ok("POST", `/rooms/${elsewhere.id}/invitations`, { user_id: owner.id }),
  ]);
  return {
    tenant: site.slug,
    user: owner.id,
    room: room.id,
    dm: dm.id,
    invitation: elsewhere.id,
    message: message.id,
    member: member.id,
    invited: invited.id,
    emoji: EMOJI,
  };
}
