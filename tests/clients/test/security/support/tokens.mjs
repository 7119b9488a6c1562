// @ts-check
// What a website's backend does: signing, with nothing but what Node has.
import { createHmac, randomUUID, sign as signWith } from "node:crypto";

/** @typedef {import("node:crypto").KeyObject} KeyObject */

/**
 * A key to sign with: a secret for the HS algorithms, else a private key.
 *
 * @typedef {object} Key
 * @property {string} algorithm
 * @property {string} [kid]
 * @property {string | KeyObject} material
 */

/** @param {unknown} value */
export function segment(value) {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

/** @returns {number} the time in whole seconds, as tokens tell it */
export function now() {
  return Math.floor(Date.now() / 1000);
}

/**
 * The signature of a text.
 *
 * @param {string} algorithm
 * @param {string | KeyObject} material
 * @param {string} text
 */
export function signature(algorithm, material, text) {
  if (algorithm.startsWith("HS")) {
    return createHmac(`sha${algorithm.slice(2)}`, material).update(text).digest("base64url");
  }
  const key = /** @type {KeyObject} */ (material);
  if (algorithm === "ES256") {
    return signWith("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url");
  }
  return signWith(null, Buffer.from(text), key).toString("base64url");
}

/**
 * Signs a token. What is given in `header` takes the place of what a proper token has there; `undefined` removes it.
 *
 * @param {Key} key
 * @param {object} claims
 * @param {object} [header]
 */
export function sign(key, claims, header = {}) {
  const full = { alg: key.algorithm, typ: "JWT", kid: key.kid, ...header };
  const text = `${segment(full)}.${segment(claims)}`;
  return `${text}.${signature(key.algorithm, key.material, text)}`;
}

/**
 * The claims of a proper token, with others put in or left out.
 *
 * @param {string} tenant slug or public key
 * @param {object} [others] `undefined` removes a claim
 */
export function claims(tenant, others = {}) {
  const iat = now();
  return { iss: tenant, aud: "parlour", sub: `visitor-${randomUUID()}`, iat, exp: iat + 600, ...others };
}
