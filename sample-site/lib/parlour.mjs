// @ts-check
// What the operator of a Parlour server does for a new website, through the admin API. All of it may be done again.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { chatToken } from "./token.mjs";

/** @typedef {import("./token.mjs").Person} Person */
/** @typedef {import("./token.mjs").SigningKey} SigningKey */

/**
 * A website, and what is to be there before its first visitor comes.
 *
 * @typedef {object} Website
 * @property {string} slug
 * @property {string} name
 * @property {Record<string, unknown>} settings
 * @property {Person[]} people
 * @property {{slug: string, name: string, description: string, messages: Line[]}[]} rooms the first person makes them
 */

/**
 * A message. `reply` is how many lines before it stands what it answers; `reactions` are who chose what.
 *
 * @typedef {{by: string, text: string, reply?: number, thread?: number, reactions?: [emoji: string, by: string][]}} Line
 */

/** The chat server, and its operator's token. */
export class Parlour {
  /**
   * @param {string} url
   * @param {string} operatorToken
   */
  constructor(url, operatorToken) {
    this.url = url;
    this.operatorToken = operatorToken;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{token?: string, body?: unknown, accept?: number[]}} [how] `accept`: statuses that are no error
   * @returns {Promise<{status: number, data: any}>}
   */
  async ask(method, path, { token = this.operatorToken, body, accept = [] } = {}) {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : null,
    });
    const text = await answer.text();
    if (!answer.ok && !accept.includes(answer.status)) {
      throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`);
    }
    return { status: answer.status, data: text ? JSON.parse(text).data : undefined };
  }

  /**
   * Makes the tenant, if there is none, lets the pages of these origins use it, and sets the rest of its settings.
   *
   * @param {Website} website
   * @param {string[]} origins
   */
  async ensureTenant({ slug, name, settings }, origins) {
    const path = `/admin/tenants/${slug}`;
    let { status, data: tenant } = await this.ask("GET", path, { accept: [404] });
    if (status === 404) tenant = (await this.ask("POST", "/admin/tenants", { body: { slug, name } })).data;
    const allowed = new Set([...(tenant.settings?.allowed_origins ?? []), ...origins]);
    await this.ask("PATCH", path, { body: { name, settings: { ...settings, allowed_origins: [...allowed] } } });
  }

  /**
   * The website's signing key. Its secret is shown only when it is made, so it is kept in a file.
   *
   * @param {string} slug
   * @param {string} file
   * @returns {Promise<SigningKey>}
   */
  async ensureKey(slug, file) {
    const path = `/admin/tenants/${slug}/keys`;
    const { data: keys } = await this.ask("GET", path);
    const live = keys.filter((/** @type {any} */ key) => !key.revoked_at);
    const kept = await readFile(file, "utf8").then(JSON.parse, () => undefined);
    if (live.some((/** @type {any} */ key) => key.kid === kept?.kid)) return kept;
    // One of an earlier file: at most two may live, and the other one may be somebody's.
    const lost = live.find((/** @type {any} */ key) => key.kid.startsWith("sample-site-"));
    if (lost) await this.ask("DELETE", `${path}/${lost.kid}`);
    const kid = `sample-site-${randomBytes(4).toString("hex")}`;
    const { data } = await this.ask("POST", path, { body: { algorithm: "HS256", kid } });
    const key = { tenant: slug, kid, secret: data.secret };
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify(key)}\n`, { mode: 0o600 });
    return key;
  }

  /**
   * Rooms with a conversation in each. Every message has an id of the client's, so that nothing is said twice.
   *
   * @param {Website} website
   * @param {SigningKey} key
   */
  async ensureRooms({ people, rooms }, key) {
    /** @type {Map<string, string>} */
    const tokens = new Map();
    for (const person of people) {
      const { data } = await this.ask("POST", "/auth/exchange", { body: { token: chatToken(key, person) } });
      tokens.set(person.id, data.token);
    }
    const owner = people[0] && tokens.get(people[0].id);
    if (!owner) throw new Error("a website needs somebody who makes its rooms");
    for (const { messages, ...room } of rooms) {
      const { status } = await this.ask("GET", `/rooms/${room.slug}`, { token: owner, accept: [404] });
      if (status === 404) await this.ask("POST", "/rooms", { token: owner, body: room });
      await this.#say(room.slug, messages, tokens);
    }
  }

  /**
   * @param {string} room
   * @param {Line[]} lines
   * @param {Map<string, string>} tokens by person
   */
  async #say(room, lines, tokens) {
    /** @type {string[]} */
    const ids = [];
    const said = (/** @type {number | undefined} */ back) => (back ? { id: ids.at(-back) } : undefined);
    for (const [index, { by, text, reply, thread, reactions = [] }] of lines.entries()) {
      const body = {
        content: text,
        client_id: `sample-${room}-${index}`,
        reply_to: said(reply)?.id,
        thread_root: said(thread)?.id,
      };
      const { data } = await this.ask("POST", `/rooms/${room}/messages`, { token: tokenOf(tokens, by), body });
      ids.push(data.id);
      for (const [emoji, who] of reactions) {
        const path = `/rooms/${room}/messages/${data.id}/reactions/${encodeURIComponent(emoji)}`;
        await this.ask("PUT", path, { token: tokenOf(tokens, who) });
      }
    }
  }
}

/**
 * @param {Map<string, string>} tokens
 * @param {string} person
 */
function tokenOf(tokens, person) {
  const token = tokens.get(person);
  if (!token) throw new Error(`nobody is ${person}`);
  return token;
}
