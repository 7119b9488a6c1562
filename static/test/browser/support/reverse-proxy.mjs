// @ts-check
// Reverse proxies that are set up badly.
import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import { after } from "node:test";

/** What one hop may not pass on, by the rules of HTTP; where upgrades are not configured, neither are these. */
const HOP_BY_HOP = ["connection", "upgrade", "keep-alive"];

/**
 * A proxy in front of the server that drops `Upgrade`, as most do that nobody told about WebSockets. It is gone when
 * the file's tests are over.
 *
 * @param {{url: string}} server
 * @param {object} [faults]
 * @param {number} [faults.holdMs] keeps answers of the socket's paths for so many milliseconds before it passes them on
 * @param {number} [faults.patienceMs] answers by itself, with 504, what takes longer than so many milliseconds
 * @param {boolean} [faults.caches] answers a path that it was asked for before by what it answered then
 * @param {string[]} [faults.strips] headers that it takes out of answers
 * @returns {Promise<{url: string}>}
 */
export async function reverseProxy(server, { holdMs = 0, patienceMs, caches = false, strips = [] } = {}) {
  /** @type {Map<string, Kept>} */
  const cache = new Map();
  const proxy = createServer((request, response) => {
    const key = `${request.method} ${request.url}`;
    const known = caches && request.url?.startsWith("/api/") ? cache.get(key) : undefined;
    const deliver = (/** @type {Kept} */ { status, headers, body }) => {
      const delay = request.url?.startsWith("/chat/socket/") ? holdMs : 0;
      setTimeout(() => response.writeHead(status, headers).end(body), delay);
    };
    if (known) return deliver(known);
    const headers = { ...request.headers };
    for (const name of HOP_BY_HOP) delete headers[name];
    const forwarded = ask(new URL(request.url ?? "/", server.url), { method: request.method, headers }, async (answer) => {
      const kept = await whole(answer, strips);
      cache.set(key, kept);
      if (!response.headersSent) deliver(kept);
    });
    forwarded.on("error", () => response.destroy());
    if (patienceMs !== undefined) {
      setTimeout(() => response.headersSent || response.writeHead(504).end(), patienceMs);
    }
    request.pipe(forwarded);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  return { url: `http://127.0.0.1:${port}` };
}

/** @typedef {{status: number, headers: import("node:http").OutgoingHttpHeaders, body: Buffer}} Kept */

/**
 * @param {import("node:http").IncomingMessage} answer
 * @param {string[]} strips
 * @returns {Promise<Kept>}
 */
async function whole(answer, strips) {
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  const headers = { ...answer.headers };
  for (const name of [...HOP_BY_HOP, "transfer-encoding", ...strips]) delete headers[name];
  return { status: answer.statusCode ?? 502, headers, body: Buffer.concat(chunks) };
}
