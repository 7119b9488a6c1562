// @ts-check
// A WebSocket client that can also do what no proper client does.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { Mailbox, within } from "./wait.mjs";

/** Where a server is: a `Server`, or anything else with a URL. */
/** @typedef {{url: string}} Place */
/** @typedef {{token: string, server: Place}} Holder */
/** @typedef {{fin: boolean, opcode: number, payload: Buffer}} WireFrame */

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/**
 * @typedef {object} Handshake
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {string} body
 * @property {Wire | undefined} wire there after a 101
 */

/**
 * A connection to a server.
 *
 * @param {Place} server
 * @param {string} [from] the address to come from
 */
function dial(server, from) {
  const { protocol, hostname, port } = new URL(server.url);
  if (protocol === "https:") return connectTls({ host: hostname, port: Number(port || 443), servername: hostname });
  return connect({ host: hostname, port: Number(port || 80), localAddress: from });
}

/**
 * One HTTP request, by default a WebSocket upgrade of the chat socket. A header with a list of values is sent once for
 * each; `from` is the address to come from.
 *
 * @typedef {object} Request
 * @property {string} [path]
 * @property {string} [query]
 * @property {string} [method]
 * @property {boolean} [upgrade]
 * @property {Record<string, string | string[]>} [headers]
 * @property {string} [payload] the body
 * @property {string} [from]
 */

/**
 * @param {Place} server
 * @param {Request} [how]
 * @returns {Promise<Handshake>}
 */
export async function handshake(server, how = {}) {
  const { path = "/chat/socket/websocket", query = "", method = "GET", upgrade = true, headers = {} } = how;
  const { payload = "", from } = how;
  const lines = [`${method} ${path}${query ? `?${query}` : ""} HTTP/1.1`, `host: ${new URL(server.url).host}`];
  if (upgrade) {
    lines.push("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13");
    lines.push(`sec-websocket-key: ${randomBytes(16).toString("base64")}`);
  } else {
    lines.push("connection: close");
  }
  if (method === "POST") lines.push(`content-length: ${Buffer.byteLength(payload)}`);
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) lines.push(`${name}: ${value}`);
  }
  const socket = dial(server, from);
  socket.setNoDelay(true);
  socket.write(`${lines.join("\r\n")}\r\n\r\n${payload}`);
  /** @type {Promise<Handshake>} */
  const answered = new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`the connection ended after: ${received.toString("latin1")}`)));
    const onData = (/** @type {Buffer} */ chunk) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [first = "", ...rest] = received.subarray(0, end).toString("latin1").split("\r\n");
      const status = Number(first.split(" ")[1]);
      /** @type {Record<string, string>} */
      const answers = {};
      for (const line of rest) {
        const colon = line.indexOf(":");
        answers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      const body = received.subarray(end + 4);
      if (status === 101) {
        socket.removeAllListeners();
        resolve({ status, headers: answers, body: "", wire: new Wire(socket, body) });
      } else if (body.length >= Number(answers["content-length"] ?? 0)) {
        socket.removeAllListeners("close");
        socket.destroy();
        resolve({ status, headers: answers, body: body.toString(), wire: undefined });
      }
    };
    socket.on("data", onData);
  });
  return within(answered, "the answer to a handshake");
}

/**
 * An open socket of `user`, gone when the test is over.
 *
 * @param {import("node:test").TestContext} t
 * @param {Holder} user
 * @param {{vsn?: string | null, headers?: Record<string, string>, from?: string}} [how] `vsn: null` sends none
 */
export async function openWire(t, user, { vsn = "2.0.0", headers, from } = {}) {
  const query = `token=${user.token}${vsn === null ? "" : `&vsn=${vsn}`}`;
  const answer = await handshake(user.server, { query, headers, from });
  if (!answer.wire) throw new Error(`the handshake was answered ${answer.status} ${answer.body}`);
  const { wire } = answer;
  t.after(() => wire.drop());
  return wire;
}

export class Wire {
  /** @type {Mailbox<WireFrame>} */
  control = new Mailbox("control frames");
  /** @type {Mailbox<any>} */
  messages = new Mailbox("messages");
  #received;
  /** @type {(code: number) => void} */
  #onClosed = () => {};
  /** The code of the server's close frame; 1006 when the connection ended without one. */
  closed = new Promise((/** @type {(code: number) => void} */ resolve) => (this.#onClosed = resolve));
  /** Resolves when the connection itself is gone. */
  gone;

  /**
   * @param {import("node:net").Socket} socket
   * @param {Buffer} received
   */
  constructor(socket, received) {
    this.socket = socket;
    this.#received = received;
    this.gone = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    socket.once("close", () => this.#onClosed(1006));
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#read();
    });
    this.#read();
  }

  #read() {
    for (;;) {
      const data = this.#received;
      if (data.length < 2) return;
      let length = data.readUInt8(1) & 0x7f;
      let header = 2;
      if (length === 126) {
        header = 4;
        if (data.length < header) return;
        length = data.readUInt16BE(2);
      } else if (length === 127) {
        header = 10;
        if (data.length < header) return;
        length = Number(data.readBigUInt64BE(2));
      }
      if (data.length < header + length) return;
      const first = data.readUInt8(0);
      const payload = data.subarray(header, header + length);
      this.#received = data.subarray(header + length);
      this.#frame({ fin: (first & 0x80) !== 0, opcode: first & 0x0f, payload });
    }
  }

  /** @param {WireFrame} frame */
  #frame(frame) {
    if (frame.opcode === OPCODE.text) {
      this.messages.put(JSON.parse(frame.payload.toString()));
    } else if (frame.opcode === OPCODE.binary) {
      this.messages.put(frame.payload);
    } else {
      this.control.put(frame);
      if (frame.opcode === OPCODE.close) {
        this.#onClosed(frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE(0));
      }
    }
  }

  /**
   * One frame, well formed unless told otherwise.
   *
   * @param {number} opcode
   * @param {string | Buffer} data
   * @param {{fin?: boolean, masked?: boolean, reserved?: number, length?: bigint}} [how] `length`: what the header
   *   claims
   */
  frame(opcode, data, { fin = true, masked = true, reserved = 0, length } = {}) {
    const payload = Buffer.from(data);
    const claimed = length ?? BigInt(payload.length);
    const mask = masked ? 0x80 : 0;
    let header = Buffer.from([(fin ? 0x80 : 0) | (reserved << 4) | opcode, 0]);
    if (claimed < 126n) {
      header.writeUInt8(mask | Number(claimed), 1);
    } else if (claimed < 65536n) {
      header = Buffer.concat([header, Buffer.alloc(2)]);
      header.writeUInt8(mask | 126, 1);
      header.writeUInt16BE(Number(claimed), 2);
    } else {
      header = Buffer.concat([header, Buffer.alloc(8)]);
      header.writeUInt8(mask | 127, 1);
      header.writeBigUInt64BE(claimed, 2);
    }
    if (!masked) {
      this.socket.write(Buffer.concat([header, payload]));
      return;
    }
    const key = randomBytes(4);
    const hidden = payload.map((byte, index) => byte ^ /** @type {number} */ (key[index % 4]));
    this.socket.write(Buffer.concat([header, key, hidden]));
  }

  /** @param {string} text */
  text(text) {
    this.frame(OPCODE.text, text);
  }

  /** @param {unknown} message */
  json(message) {
    this.text(JSON.stringify(message));
  }

  /** @param {Buffer | string} data as it is, or in hexadecimal, blanks ignored */
  binary(data) {
    this.frame(OPCODE.binary, typeof data === "string" ? Buffer.from(data.replaceAll(/\s/g, ""), "hex") : data);
  }

  /**
   * The next message that matches.
   *
   * @param {(message: any) => boolean} [matches]
   * @param {string} [what]
   * @returns {Promise<any>}
   */
  next(matches, what) {
    return this.messages.take(matches, what);
  }

  /**
   * The reply to the V2 message with this ref.
   *
   * @param {unknown} ref
   */
  reply(ref) {
    return this.next((message) => message[1] === ref && message[3] === "phx_reply", `reply to ${ref}`);
  }

  /**
   * Joins over V2 and waits for the reply.
   *
   * @param {string} topic
   * @param {string} [ref]
   */
  async join(topic, ref = "1") {
    this.json([ref, ref, topic, "phx_join", {}]);
    const reply = await this.reply(ref);
    if (reply[4].status !== "ok") throw new Error(`join refused: ${JSON.stringify(reply)}`);
    return reply[4].response;
  }

  /** A heartbeat that was answered: whatever the server sent before it has arrived. */
  async ping() {
    const ref = randomBytes(4).toString("hex");
    this.json([null, ref, "phoenix", "heartbeat", {}]);
    await this.reply(ref);
  }

  /** The code the server closes with. */
  closeCode(ms = 3000) {
    return within(this.closed, "the server's close", ms);
  }

  /** Ends the connection without a word. */
  drop() {
    this.socket.destroy();
  }
}
