// @ts-check
// A small web server: the files of a folder, and the routes of a backend.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

/** The server that the pages name in their script tag; another one is put in its place. */
const WRITTEN = "http://localhost:4000";

/** Nothing else is served: a backend's own files least of all. */
const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
});

const BODY_BYTES_MAX = 4096;

/**
 * @typedef {object} Visit
 * @property {Record<string, string>} cookies
 * @property {Record<string, unknown>} body the JSON of a POST
 */

/** @typedef {{status?: number, body: unknown, cookie?: string}} Answer */
/** @typedef {(visit: Visit) => Answer} Route */

/**
 * Serves a website on an origin of its own.
 *
 * @param {object} site
 * @param {string} site.folder
 * @param {string} site.chat the chat server's origin
 * @param {number} site.port 0 for any that is free
 * @param {Record<string, Route>} [site.routes] by method and path
 * @returns {Promise<{origin: string, close: () => void}>}
 */
export async function serveSite({ folder, chat, port, routes = {} }) {
  const server = createServer(async (request, response) => {
    try {
      const { pathname } = new URL(request.url ?? "/", "http://site");
      const route = routes[`${request.method} ${pathname}`];
      if (route) {
        const body = request.method === "POST" ? await jsonOf(request) : {};
        const { status = 200, body: answer, cookie } = route({ cookies: cookiesOf(request), body });
        const headers = { "content-type": "application/json", "cache-control": "no-store" };
        response.writeHead(status, cookie ? { ...headers, "set-cookie": cookie } : headers);
        response.end(JSON.stringify(answer));
      } else {
        await sendFile(response, join(folder, normalize(pathname === "/" ? "/index.html" : pathname)), chat);
      }
    } catch {
      response.writeHead(400).end();
    }
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: bound } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    origin: `http://localhost:${bound}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * The policy of both sites: strict, and all that the chat needs is its server's address.
 *
 * @param {string} chat
 */
function policy(chat) {
  return [
    "default-src 'self'",
    `script-src 'self' ${chat}`,
    `connect-src 'self' ${chat} ${chat.replace(/^http/, "ws")}`,
    `img-src 'self' ${chat}`,
    "base-uri 'none'",
    "object-src 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {string} path
 * @param {string} chat
 */
async function sendFile(response, path, chat) {
  const type = TYPES[extname(path)];
  const content = type ? await readFile(path).catch(() => undefined) : undefined;
  if (!type || content === undefined) {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("There is no such page.\n");
    return;
  }
  const isPage = extname(path) === ".html";
  response.writeHead(200, {
    "content-type": type,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
    ...(isPage ? { "content-security-policy": policy(chat) } : {}),
  });
  response.end(isPage ? content.toString().replaceAll(WRITTEN, chat) : content);
}

/** @param {import("node:http").IncomingMessage} request */
function cookiesOf({ headers }) {
  const pairs = (headers.cookie ?? "").split("; ").map((pair) => pair.split("="));
  return Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, value]));
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @returns {Promise<Record<string, unknown>>}
 */
async function jsonOf(request) {
  // Pages of other sites can post forms here, but not JSON.
  if (request.headers["content-type"] !== "application/json") throw new Error("a body has to be JSON");
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) throw new Error("too long");
  }
  const body = JSON.parse(text);
  if (typeof body !== "object" || body === null) throw new Error("a body has to be an object");
  return body;
}
