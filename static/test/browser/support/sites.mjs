// @ts-check
// Websites of other people, each on an origin of its own.
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";

/**
 * @typedef {object} Place a page of a site
 * @property {string} [html] what stands in the body
 * @property {string} [head] what stands in the head beside the title
 * @property {string} [title]
 * @property {string} [csp] its Content-Security-Policy
 * @property {string} [lang]
 * @property {"ltr" | "rtl"} [dir]
 */

/** @typedef {(request: import("node:http").IncomingMessage) => unknown} Route gives what is answered as JSON */

let sites = 0;

/**
 * A website: `pages` by their path (those of any other path are 404), `routes` of its backend. It is gone when the
 * file's tests are over. Its origin is `http://siteN.test:PORT`, which the tests' Chromium finds; with `host` it has that
 * name (`localhost` for one that browsers trust as they trust https).
 *
 * @param {{pages?: Record<string, Place>, routes?: Record<string, Route>, host?: string}} site
 * @returns {Promise<{origin: string, pages: Record<string, Place>}>} `pages` may be changed and added to at any time
 */
export async function website({ pages = {}, routes = {}, host = `site${(sites += 1)}.test` }) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site.test");
    const route = routes[pathname];
    const page = pages[pathname];
    if (route) {
      Promise.resolve(route(request)).then((answer) => {
        response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
        response.end(JSON.stringify(answer));
      }, () => response.writeHead(401).end());
    } else if (page) {
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        ...(page.csp ? { "content-security-policy": page.csp } : {}),
      });
      response.end(document(page));
    } else {
      response.writeHead(pathname === "/favicon.ico" ? 204 : 404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { origin: `http://${host}:${port}`, pages };
}

/**
 * A site with one page, at `/`.
 *
 * @param {Place} page
 * @returns {Promise<string>} its origin
 */
export async function hostPage(page) {
  return (await website({ pages: { "/": page } })).origin;
}

/** @param {Place} page */
function document({ html = "", head = "", title = "Somebody's site", lang = "en", dir = "ltr" }) {
  return `<!doctype html>
<html lang="${lang}" dir="${dir}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>${head}</head>
<body><main><h1>${title}</h1>${html}</main></body>
</html>`;
}

/**
 * The line a site's owner copies into their pages.
 *
 * @param {string} server the server's URL
 * @param {Record<string, string>} [data] names as in `data-tenant`, without `data-`
 */
export function snippet(server, data = {}) {
  const attributes = Object.entries(data).map(([name, value]) => ` data-${name}="${value.replaceAll('"', "&quot;")}"`);
  return `<script async src="${server}/chat.js"${attributes.join("")}></script>`;
}
