// @ts-check
// The real server, as a process of its own in a folder of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Rest } from "./rest.mjs";
import { within } from "./wait.mjs";

const BINARY = process.env["PARLOUR_BIN"] ?? fileURLToPath(new URL("../../../target/debug/parlour", import.meta.url));
const PASSWORD = "correct horse battery staple";

/** Settings under which tests do not get into one another's way. */
const SETTINGS = {
  environment: "development",
  "server.port": "0",
  "server.workers": "2",
  "tenants.ensure": "default,mika-travel-blog,other-website",
  "auth.hash_concurrency": "8",
  "limits.registrations_per_address": "off",
  "limits.logins_per_address": "off",
  "limits.messages_per_user": "off",
  "limits.messages_per_room": "off",
  "limits.rooms_created_per_user": "off",
  "limits.requests_per_user": "off",
  "limits.requests_per_address": "off",
  "limits.connects_per_address": "off",
  "limits.typing_per_user": "off",
  "socket.longpoll_window": "2s",
  "log.filter": "warn",
};

/** @type {Set<Server>} */
const running = new Set();

// Nothing is left behind, however a test file ends.
process.once("exit", () => {
  for (const server of running) server.kill();
  for (const server of running) server.discard();
});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => process.exit(1));
}

/**
 * @typedef {object} User
 * @property {string} id
 * @property {string} username
 * @property {string} password
 * @property {string} token
 * @property {Rest} rest
 * @property {Server} server
 */

/**
 * Starts a server. Settings are written as in `parlour.toml`: `{"socket.idle_timeout": "1s"}`.
 *
 * @param {Record<string, string>} [settings]
 */
export async function startServer(settings = {}) {
  assert.ok(existsSync(BINARY), `${BINARY} does not exist: build the server first, or name it in PARLOUR_BIN`);
  const server = new Server({ ...SETTINGS, ...settings });
  await server.start();
  return server;
}

export class Server {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #process;
  /** @type {Promise<number | NodeJS.Signals | null>} */
  #exited = Promise.resolve(0);
  #stderr = "";
  #users = 0;
  #url = "";

  /** @param {Record<string, string>} settings */
  constructor(settings) {
    this.settings = settings;
    this.folder = mkdtempSync(join(tmpdir(), "parlour-clients-"));
    running.add(this);
  }

  /** `http://127.0.0.1:PORT` */
  get url() {
    return this.#url;
  }

  /** Where official clients connect. */
  get socketUrl() {
    return `${this.#url.replace("http:", "ws:")}/chat/socket`;
  }

  get port() {
    return Number(new URL(this.#url).port);
  }

  /** What the server logged. */
  get log() {
    return this.#stderr;
  }

  /** Starts the process, and waits until it is ready; a second time it takes the same port and data. */
  async start() {
    /** @type {Record<string, string>} */
    const environment = { PATH: process.env["PATH"] ?? "", PARLOUR_DATA_DIR: this.folder };
    for (const [key, value] of Object.entries(this.settings)) {
      environment[`PARLOUR_${key.replace(".", "__").toUpperCase()}`] = value;
    }
    const port = this.#url ? String(this.port) : "0";
    const child = spawn(BINARY, ["serve", "--port", port], {
      cwd: this.folder,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    child.stderr.setEncoding("utf8").on("data", (text) => (this.#stderr += text));
    this.#exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
    /** @type {Promise<string>} */
    const ready = new Promise((resolve, reject) => {
      child.once("error", reject);
      this.#exited.then((end) => reject(new Error(`the server ended at once (${end}): ${this.#stderr}`)));
      createInterface({ input: child.stdout }).on("line", (line) => {
        const url = /^parlour is ready on (http:\/\/\S+)$/.exec(line)?.[1];
        if (url) resolve(url);
      });
    });
    this.#url = await within(ready, "the server's ready line", 30_000);
  }

  /** Asks the process to end, and waits until it has; it has to end well. */
  async halt() {
    this.#process?.kill("SIGTERM");
    const end = await within(this.#exited, "the server's end after SIGTERM", 15_000);
    assert.equal(end, 0, `the server did not end well: ${this.#stderr}`);
    this.#process = undefined;
  }

  /** Ends the server for good and removes its folder. */
  async stop() {
    try {
      await this.halt();
    } finally {
      this.discard();
    }
  }

  /** Ends the process without asking. */
  kill() {
    this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }

  /** Removes all traces at once. */
  discard() {
    this.kill();
    running.delete(this);
    // A process that was killed this moment may still be writing.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }

  /** @param {{token?: string | undefined, tenant?: string | undefined}} [as] */
  rest(as) {
    return new Rest(this.#url, as);
  }

  /**
   * Registers somebody new.
   *
   * @param {string} name
   * @param {{tenant?: string, exactly?: boolean}} [options] `exactly`: the name as it is, not made unique
   * @returns {Promise<User>}
   */
  async user(name, { tenant, exactly = false } = {}) {
    const username = exactly ? name : `${name}-${(this.#users += 1)}`;
    const { data } = await this.rest({ tenant }).ok("POST", "/auth/register", { username, password: PASSWORD });
    const { token, user } = data;
    return { id: user.id, username, password: PASSWORD, token, rest: this.rest({ token }), server: this };
  }
}
