// @ts-check
// The server under test: one that runs somewhere, given by its URL and its operator's token, or the real binary.
//
// Everything a suite needs it makes through the admin API, in tenants of its own that it deletes at the end. So a
// server that is used for other things as well may be tested; only the limits by address are shared with them.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { Rest } from "../../../support/rest.mjs";
import { startServer } from "../../../support/server.mjs";
import { claims, sign } from "./tokens.mjs";

const GIVEN = process.env["SECURITY_URL"]?.replace(/\/$/, "");
const OPERATOR_TOKEN = process.env["SECURITY_OPERATOR_TOKEN"] || randomBytes(32).toString("hex");
const PASSWORD = "correct horse battery staple";

/** Whether the server is one that runs elsewhere, whose settings are not for us to choose. */
export const REMOTE = Boolean(GIVEN);

/** Rates that get into the way of a suite that asks a lot; each suite of limits sets its own. */
const UNLIMITED = Object.fromEntries(
  [
    "messages_per_user",
    "messages_per_room",
    "messages_per_tenant",
    "typing_per_user",
    "changes_per_user",
    "reactions_per_user",
    "reads_per_user",
    "joins_per_socket",
    "joins_per_user",
    "rooms_created_per_user",
    "registrations_per_address",
    "registrations_per_tenant",
    "guests_per_address",
    "logins_per_account",
    "logins_per_account_anywhere",
    "logins_per_address",
    "logins_per_tenant",
    "requests_per_user",
    "requests_per_tenant",
    "refusals_per_socket",
  ].map((name) => [name, "off"]),
);

/** Everything that a backend's key may be allowed. */
export const SCOPES = [
  "users:read",
  "users:write",
  "tokens:write",
  "rooms:read",
  "rooms:write",
  "members:write",
  "messages:write",
];

/**
 * The server to test. `settings` are those of a server that is started for it.
 *
 * @param {Record<string, string>} [settings]
 */
export async function target(settings = {}) {
  if (GIVEN) {
    assert.ok(process.env["SECURITY_OPERATOR_TOKEN"], "SECURITY_OPERATOR_TOKEN has to be the server's operator token");
    return new Target(GIVEN, undefined);
  }
  const server = await startServer({
    "auth.operator_token": OPERATOR_TOKEN,
    "limits.admin_failures_per_address": "off",
    ...settings,
  });
  return new Target(server.url, server);
}

export class Target {
  /** @type {Site[]} */
  #sites = [];

  /**
   * @param {string} url
   * @param {import("../../../support/server.mjs").Server | undefined} server there when it was started here
   */
  constructor(url, server) {
    this.url = url;
    this.server = server;
    this.operatorToken = OPERATOR_TOKEN;
    this.operator = new Rest(url, { token: OPERATOR_TOKEN });
  }

  /** Whether clients can come from other addresses by choosing one of 127.0.0.0/8. */
  get isLocal() {
    return ["127.0.0.1", "localhost"].includes(new URL(this.url).hostname);
  }

  /** @param {{token?: string, tenant?: string}} [as] */
  rest(as) {
    return new Rest(this.url, as);
  }

  /**
   * A new tenant with a signing key.
   *
   * @param {{settings?: object, limits?: object}} [how]
   */
  async site({ settings, limits } = {}) {
    const slug = `sec-${randomBytes(5).toString("hex")}`;
    const { data } = await this.operator.ok("POST", "/admin/tenants", { slug, name: "Security" });
    const site = new Site(this, slug, data.public_key);
    this.#sites.push(site);
    if (settings) await site.admin("PATCH", "", settings);
    await site.limit(limits);
    site.key = await site.newKey();
    return site;
  }

  /** Deletes what was made, and ends a server that was started. */
  async close() {
    const gone = this.#sites.map((site) => site.delete());
    try {
      await Promise.all(gone);
    } finally {
      await this.server?.stop();
    }
  }
}

/**
 * A user of a site, signed in.
 *
 * @typedef {object} Visitor
 * @property {string} id
 * @property {string} sub the site's own id of them
 * @property {string} username
 * @property {string} token a session's
 * @property {string} signed the site's token it was exchanged for
 * @property {Rest} rest
 * @property {Target} server
 */

/**
 * Somebody with a password.
 *
 * @typedef {object} Account
 * @property {string} id
 * @property {string} username
 * @property {string} password
 * @property {string} token
 * @property {Rest} rest
 * @property {Target} server
 */

/** A tenant, and its backend. */
export class Site {
  #deleted = false;
  /** @type {import("./tokens.mjs").Key} */
  key = { algorithm: "HS256", material: "" };

  /**
   * @param {Target} target
   * @param {string} slug
   * @param {string} publicKey
   */
  constructor(target, slug, publicKey) {
    this.target = target;
    this.slug = slug;
    this.publicKey = publicKey;
  }

  /**
   * The operator's request about this tenant, which has to succeed.
   *
   * @param {string} method
   * @param {string} path below the tenant's
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async admin(method, path, body) {
    return (await this.target.operator.ok(method, `/admin/tenants/${this.slug}${path}`, body)).data;
  }

  /**
   * Sets limits; those that are not named are off.
   *
   * @param {object} [limits]
   */
  limit(limits = {}) {
    return this.admin("PUT", "/limits", { ...UNLIMITED, ...limits });
  }

  /**
   * A new signing key.
   *
   * @param {{algorithm?: string, kid?: string, public_key?: string, material?: import("node:crypto").KeyObject}} [how]
   * @returns {Promise<import("./tokens.mjs").Key & {kid: string}>}
   */
  async newKey({ algorithm = "HS256", material, ...rest } = {}) {
    const { kid, secret } = await this.admin("POST", "/keys", { algorithm, ...rest });
    return { algorithm, kid, material: material ?? secret };
  }

  /**
   * A token as the site's backend signs it.
   *
   * @param {object} [others] claims to put in; `undefined` leaves one out
   */
  token(others) {
    return sign(this.key, claims(this.slug, others));
  }

  /**
   * A user of the site, signed in.
   *
   * @param {string} name
   * @param {object} [others] claims to put in
   * @returns {Promise<Visitor>}
   */
  async user(name, others) {
    const sub = `${name}-${randomUUID()}`;
    const signed = this.token({ sub, name, ...others });
    const { data } = await this.target.rest().ok("POST", "/auth/exchange", { token: signed });
    const { token, user } = data;
    const { id, username } = user;
    return { id, sub, username, token, signed, rest: this.target.rest({ token }), server: this.target };
  }

  /**
   * Somebody with a password.
   *
   * @param {string} name
   * @returns {Promise<Account>}
   */
  async account(name) {
    const username = `${name}-${randomBytes(4).toString("hex")}`;
    const body = { username, password: PASSWORD };
    const { data } = await this.target.rest({ tenant: this.slug }).ok("POST", "/auth/register", body);
    const { token, user } = data;
    return { id: user.id, username, password: PASSWORD, token, rest: this.target.rest({ token }), server: this.target };
  }

  /**
   * A key for the site's backend.
   *
   * @param {string[]} [scopes]
   * @returns {Promise<{id: string, secret: string, rest: Rest}>}
   */
  async apiKey(scopes = SCOPES) {
    const { id, secret } = await this.admin("POST", "/api_keys", { name: "backend", scopes });
    return { id, secret, rest: this.target.rest({ token: secret }) };
  }

  /**
   * An administrator of this tenant only.
   *
   * @returns {Promise<{id: string, secret: string, rest: Rest}>}
   */
  async tenantAdmin() {
    const { id, secret } = await this.admin("POST", "/admins", { name: "boss" });
    return { id, secret, rest: this.target.rest({ token: secret }) };
  }

  async delete() {
    if (this.#deleted) return;
    this.#deleted = true;
    await this.admin("DELETE", "", { confirm: this.slug });
  }
}
