// @ts-check
// The official clients, unmodified, in every release and over every transport they are tested with.
import { WebSocket } from "ws";
import * as newest from "phoenix";
import { XMLHttpRequest } from "./xhr.mjs";
import { Mailbox, within } from "./wait.mjs";

// Releases before 1.8 take their globals from a browser's `self` while they load; the newest one has found Node's
// `fetch` by now and keeps it.
Object.defineProperty(globalThis, "self", { configurable: true, value: { XMLHttpRequest } });
const older = await import("phoenix-1-7");
Reflect.deleteProperty(globalThis, "self");

/** @typedef {import("./server.mjs").User} User */
/** @typedef {import("node:test").TestContext} TestContext */
/** @typedef {typeof import("phoenix")} Phoenix */
/** @typedef {{event: string, payload: any, ref: string | null}} ChannelEvent */
/** @typedef {ChannelEvent & {topic: string, join_ref: string | null}} SocketMessage */

/**
 * @typedef {object} Variant
 * @property {string} name
 * @property {Phoenix} phoenix
 * @property {any} transport
 * @property {boolean} newest
 * @property {boolean} longPoll
 */

/** @type {Variant[]} */
export const VARIANTS = [
  { name: "newest client, WebSocket", phoenix: newest, transport: WebSocket, newest: true, longPoll: false },
  { name: "newest client, long poll", phoenix: newest, transport: newest.LongPoll, newest: true, longPoll: true },
  { name: "client 1.7, WebSocket", phoenix: older, transport: WebSocket, newest: false, longPoll: false },
  { name: "client 1.7, long poll", phoenix: older, transport: older.LongPoll, newest: false, longPoll: true },
];

/** A push or a join that was answered with another status than ok. Made beforehand, for the stack of the caller. */
export class Refused extends Error {
  /** @type {any} */
  response = null;

  /**
   * @param {string} status
   * @param {any} response
   */
  with(status, response) {
    this.message += `: ${status} ${JSON.stringify(response)}`;
    this.response = response;
    return this;
  }
}

/**
 * @param {string} what
 * @param {import("phoenix").Push} push
 * @returns {Promise<any>}
 */
function answer(what, push) {
  const refused = new Refused(what);
  return new Promise((resolve, reject) => {
    push
      .receive("ok", resolve)
      .receive("error", (response) => reject(refused.with("error", response)))
      .receive("timeout", () => reject(refused.with("timeout", null)));
  });
}

/**
 * A client that connects as `user`, and goes when the test is over.
 *
 * @param {TestContext} t
 * @param {Variant} variant
 * @param {User} user
 * @param {{url?: string, options?: Record<string, any>}} [how] `options` go to the official `Socket`
 */
export function connect(t, variant, user, { url = user.server.socketUrl, options = {} } = {}) {
  const socket = new variant.phoenix.Socket(url, {
    transport: variant.transport,
    params: { token: user.token },
    ...options,
  });
  const client = new Client(variant, socket);
  t.after(() => client.close());
  socket.connect();
  return client;
}

export class Client {
  /** @type {Mailbox<true>} */
  opens = new Mailbox("opens");
  /** @type {Mailbox<{code: number}>} */
  closes = new Mailbox("closes");
  /** @type {Mailbox<string>} */
  errors = new Mailbox("errors");
  /** @type {Mailbox<SocketMessage>} */
  messages = new Mailbox("messages of the socket");

  /**
   * @param {Variant} variant
   * @param {import("phoenix").Socket} socket
   */
  constructor(variant, socket) {
    this.variant = variant;
    this.socket = socket;
    socket.onOpen(() => this.opens.put(true));
    socket.onClose((event) => this.closes.put({ code: event.code }));
    socket.onError((error) => this.errors.put(error instanceof Object ? error.type : String(error)));
    socket.onMessage((message) => this.messages.put(/** @type {any} */ (message)));
  }

  /**
   * Makes a channel that is not joined yet.
   *
   * @param {string} topic
   * @param {object} [params]
   */
  channel(topic, params) {
    return new Member(this, this.socket.channel(topic, params));
  }

  /**
   * Joins, and waits until the history, if there is one, is there.
   *
   * @param {string} topic
   */
  async join(topic) {
    const member = this.channel(topic);
    await member.join();
    return member;
  }

  /** A heartbeat that was answered: whatever the server sent before it has arrived. */
  async ping() {
    await within(new Promise((resolve) => this.socket.ping(resolve)), "the answer to a heartbeat");
  }

  async close() {
    await within(new Promise((resolve) => this.socket.disconnect(() => resolve(undefined))), "the client's end");
  }
}

/** Somebody on a channel, and everything that came through it, in order. */
export class Member {
  /** @type {Mailbox<ChannelEvent>} */
  log;
  /** @type {any} */
  reply;
  /** @type {any[]} */
  history = [];

  /**
   * @param {Client} client
   * @param {import("phoenix").Channel} channel
   */
  constructor(client, channel) {
    this.client = client;
    this.channel = channel;
    this.log = new Mailbox(`channel ${channel.topic}`);
    channel.onMessage = (event, payload, ref) => {
      // The client hands every reply round a second time under a name of its own, or under none when the push that it
      // answers was given up.
      if (event && !event.startsWith("chan_reply_")) this.log.put({ event, payload, ref: ref ?? null });
      return payload;
    };
  }

  async join() {
    this.reply = await answer(`join of ${this.channel.topic}`, this.channel.join());
    if (!this.channel.topic.startsWith("user:")) {
      this.history = (await this.take("message_history")).messages;
    }
  }

  /** A join that has to be refused: its response. */
  async refusedJoin() {
    try {
      await answer(`join of ${this.channel.topic}`, this.channel.join());
    } catch (error) {
      this.channel.leave();
      return /** @type {Refused} */ (error).response;
    }
    throw new Error(`${this.channel.topic} could be joined`);
  }

  /**
   * @param {string} event
   * @param {any} payload
   * @returns {Promise<any>} the reply's response
   */
  push(event, payload) {
    return answer(event, this.channel.push(event, payload));
  }

  /**
   * A push that has to be refused: its response.
   *
   * @param {string} event
   * @param {any} payload
   */
  async refused(event, payload) {
    try {
      await this.push(event, payload);
    } catch (error) {
      return /** @type {Refused} */ (error).response;
    }
    throw new Error(`${event} was accepted`);
  }

  /** @param {string} content */
  send(content) {
    return this.push("new_message", { content });
  }

  /**
   * The payload of the next event of this name.
   *
   * @param {string} event
   * @param {(payload: any) => boolean} [matches]
   * @param {number} [ms]
   * @returns {Promise<any>}
   */
  async take(event, matches = () => true, ms) {
    return (await this.log.take((item) => item.event === event && matches(item.payload), event, ms)).payload;
  }

  /**
   * Payloads of all events of this name so far.
   *
   * @param {string} event
   * @returns {any[]}
   */
  seen(event) {
    return this.log.seen((item) => item.event === event).map((item) => item.payload);
  }

  async leave() {
    await answer(`leave of ${this.channel.topic}`, this.channel.leave());
  }
}
