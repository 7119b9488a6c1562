// @ts-check
// A network that can fail: a TCP proxy in front of the server.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * What becomes of WebSocket upgrades: `pass`, refused with a 502, never answered, or answered and then dead.
 *
 * @typedef {"pass" | "refuse" | "stall" | "mute"} Upgrades
 */

export class Proxy {
  /** @type {Set<import("node:net").Socket>} */
  #sockets = new Set();
  #server = createServer((client) => this.#accept(client));
  #blocked = false;

  /**
   * @param {number} port of the server
   * @param {Upgrades} upgrades
   */
  constructor(port, upgrades) {
    this.target = port;
    this.upgrades = upgrades;
  }

  /**
   * A proxy that is gone when the test is over.
   *
   * @param {{after: (end: () => void) => void}} t
   * @param {import("./server.mjs").Server} server
   * @param {Upgrades} [upgrades]
   */
  static async start(t, server, upgrades = "pass") {
    const proxy = new Proxy(server.port, upgrades);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    t.after(() => proxy.stop());
    return proxy;
  }

  /** What stands in the place of the server's. */
  get url() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  get socketUrl() {
    return `${this.url.replace("http:", "ws:")}/chat/socket`;
  }

  /** Cuts every connection, and lets no new one through. */
  block() {
    this.#blocked = true;
    this.cut();
  }

  unblock() {
    this.#blocked = false;
  }

  /** Cuts every connection without a word to either side. */
  cut() {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  stop() {
    this.cut();
    this.#server.close();
  }

  /** @param {import("node:net").Socket} client */
  #accept(client) {
    this.#track(client);
    if (this.#blocked) {
      client.resetAndDestroy();
      return;
    }
    client.once("data", (head) => {
      const upgrade = /^upgrade:\s*websocket/im.test(head.toString("latin1"));
      if (upgrade && this.upgrades === "stall") return;
      if (upgrade && this.upgrades === "refuse") {
        client.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
      }
      const server = connect(this.target, "127.0.0.1");
      this.#track(server);
      server.write(head);
      client.once("close", () => server.resetAndDestroy());
      server.once("close", () => client.destroy());
      if (upgrade && this.upgrades === "mute") {
        server.once("data", (answer) => client.write(answer));
        client.resume();
        return;
      }
      client.pipe(server).pipe(client);
    });
  }

  /** @param {import("node:net").Socket} socket */
  #track(socket) {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
