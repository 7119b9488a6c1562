// @ts-check
// What a website's backend does so that the chat knows its users: signing, with nothing but what Node has.
import { createHmac } from "node:crypto";

/** @typedef {{tenant: string, kid: string, secret: string}} SigningKey */
/** @typedef {{id: string, name: string}} Person somebody who is signed in at the website */

/** @param {unknown} value */
function part(value) {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/**
 * A token that says who somebody is, good for ten minutes.
 *
 * @param {SigningKey} key
 * @param {Person} person
 */
export function chatToken({ tenant, kid, secret }, { id, name }) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: tenant, aud: "parlour", sub: id, name, iat: now, exp: now + 600 };
  const text = `${part({ alg: "HS256", typ: "JWT", kid })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
