// @ts-check
import assert from "node:assert/strict";

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Headers} headers
 * @property {string} text
 * @property {any} body the JSON of the text, if it is some
 */

/** The REST interface, as one user of one tenant. */
export class Rest {
  /**
   * @param {string} url
   * @param {{token?: string | undefined, tenant?: string | undefined}} [as]
   */
  constructor(url, { token, tenant } = {}) {
    this.url = url;
    /** @type {Record<string, string>} */
    this.headers = {};
    if (token) this.headers["authorization"] = `Bearer ${token}`;
    if (tenant) this.headers["x-tenant"] = tenant;
  }

  /**
   * @param {string} method
   * @param {string} path below `/api/v1`
   * @param {unknown} [body]
   * @returns {Promise<Answer>}
   */
  async request(method, path, body) {
    const headers = { ...this.headers };
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    let json;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: response.status, headers: response.headers, text, body: json };
  }

  /**
   * A request that has to succeed.
   *
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>} the whole JSON of the answer
   */
  async ok(method, path, body) {
    const answer = await this.request(method, path, body);
    assert.ok(
      answer.status >= 200 && answer.status < 300,
      `${method} ${path} was answered ${answer.status}: ${answer.text}`,
    );
    return answer.body;
  }

  /**
   * Creates a room.
   *
   * @param {{name?: string, kind?: string}} [room]
   * @returns {Promise<any>}
   */
  async room({ name = "Somewhere", kind } = {}) {
    return (await this.ok("POST", "/rooms", kind ? { name, kind } : { name })).data;
  }

  /**
   * @param {string} room
   * @param {string} content
   * @returns {Promise<any>} the message
   */
  async send(room, content) {
    return (await this.ok("POST", `/rooms/${room}/messages`, { content })).data;
  }

  /**
   * @param {string} room
   * @param {string} [query]
   * @returns {Promise<any[]>} the messages, oldest first
   */
  async messages(room, query = "") {
    return (await this.ok("GET", `/rooms/${room}/messages${query}`)).data;
  }
}
