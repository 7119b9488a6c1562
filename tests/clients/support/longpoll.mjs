// @ts-check
// Long-poll sessions, request by request.
import assert from "node:assert/strict";
import { DEADLINE_MS } from "./wait.mjs";

/** @typedef {import("./wire.mjs").Place} Place */
/** @typedef {import("./wire.mjs").Holder} Holder */

/**
 * @typedef {object} Polled
 * @property {number} status of the body
 * @property {string} [token]
 * @property {string[]} [messages]
 */

/**
 * A request whose answer has to be shaped as clients expect.
 *
 * @param {Place} server
 * @param {string} query
 * @param {RequestInit} [init]
 * @returns {Promise<Polled>}
 */
export async function request(server, query, init) {
  const response = await fetch(`${server.url}/chat/socket/longpoll?${query}`, init);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
  assert.equal(response.headers.get("cache-control"), "no-store");
  return /** @type {Promise<Polled>} */ (response.json());
}

/** A session, used as released clients do: its token behind the user's under the same name. */
export class Session {
  /** @type {any[]} */
  #messages = [];

  /**
   * @param {Holder} user
   * @param {string} token
   */
  constructor(user, token) {
    this.server = user.server;
    this.token = token;
    this.query = `token=${user.token}&vsn=2.0.0&token=${token}`;
  }

  /** @param {Holder} user */
  static async open(user) {
    const { status, token, messages } = await request(user.server, `token=${user.token}&vsn=2.0.0&`);
    assert.deepEqual([status, messages], [410, []]);
    assert.ok(token && token.length >= 20);
    return new Session(user, token);
  }

  poll() {
    return request(this.server, this.query);
  }

  /**
   * @param {string} body
   * @param {string} [type]
   */
  post(body, type = "application/x-ndjson") {
    return request(this.server, this.query, { method: "POST", headers: { "content-type": type }, body });
  }

  /**
   * Polls until a message matches, and takes it.
   *
   * @param {(message: any) => boolean} matches
   * @returns {Promise<any>}
   */
  async next(matches) {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const index = this.#messages.findIndex(matches);
      if (index >= 0) return this.#messages.splice(index, 1)[0];
      assert.ok(Date.now() < deadline, `not among ${JSON.stringify(this.#messages)}`);
      const { status, token, messages = [] } = await this.poll();
      assert.ok(status === 200 || status === 204, String(status));
      assert.equal(token, this.token, "the token stays the same");
      assert.equal(status === 204, messages.length === 0);
      for (const message of messages) {
        assert.equal(typeof message, "string");
        this.#messages.push(JSON.parse(message));
      }
    }
  }

  /** @param {unknown} ref */
  reply(ref) {
    return this.next((message) => message[1] === ref && message[3] === "phx_reply");
  }

  /** @param {string} topic */
  async join(topic) {
    assert.deepEqual(await this.post(JSON.stringify(["1", "1", topic, "phx_join", {}])), { status: 200 });
    assert.equal((await this.reply("1"))[4].status, "ok");
    await this.next(([, , , event]) => event === "presence_state");
  }
}
