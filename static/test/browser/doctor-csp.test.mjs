// @ts-check
// The embed doctor judges policies as Chromium does.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runnerImport } from "vite";
import { launch, REFUSED, visitor } from "./support/browser.mjs";
import { examine } from "./support/doctor.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { snippet, website } from "./support/sites.mjs";

const chat = await startServer();
const browser = await launch();
const site = await tenant(chat);
const room = await publicRoom(site);
const host = await website({});
const sockets = chat.url.replace("http", "ws");
const { port } = new URL(chat.url);

/** @type {{module: typeof import("../../src/doctor/csp.ts")}} */
const { module: csp } = await runnerImport(new URL("../../src/doctor/csp.ts", import.meta.url).pathname);

/** Policies, each with something that browsers judge in a way of their own. */
const POLICIES = [
  "default-src 'none'",
  "default-src 'self'",
  "default-src *",
  "default-src http:",
  "connect-src http: ws:",
  "connect-src ws:",
  `default-src ${chat.url}`,
  `connect-src ${chat.url} ${sockets}`,
  `connect-src ${sockets}`,
  `connect-src 127.0.0.1:${port}`,
  "connect-src 127.0.0.1",
  "connect-src 127.0.0.1:*",
  `connect-src ${chat.url}/health/`,
  `connect-src ${chat.url}/health`,
  "script-src 'self'; default-src *",
  `script-src ${chat.url}; script-src-elem 'self'`,
  `script-src 'self'; script-src-elem ${chat.url}`,
  `script-src ${chat.url}/static/`,
  `script-src ${chat.url}/nothing.js`,
  `script-src ${chat.url} 'strict-dynamic'`,
  "script-src 'nonce-abc'",
  `img-src ${chat.url}; default-src 'none'`,
  "img-src data:",
  `IMG-SRC ${chat.url}; img-src 'none'`,
  "default-src 'none', default-src *",
];

/** What a page does. */
const PROBES = {
  script: { fetching: "script-src-elem", target: `${chat.url}/nothing.js` },
  request: { fetching: "connect-src", target: `${chat.url}/health/live` },
  socket: { fetching: "connect-src", target: `${sockets}/chat/socket/websocket` },
  picture: { fetching: "img-src", target: `${chat.url}/nothing.png` },
};

describe("the doctor's judgement is Chromium's", () => {
  POLICIES.forEach((policy, index) => {
    it(policy, async (t) => {
      const html = `<script src="${PROBES.script.target}"></script><img alt="" src="${PROBES.picture.target}">`;
      host.pages[`/${index}`] = { csp: policy, html };
      const context = await visitor(t, browser, { errors: [/./] });
      const page = await context.newPage();
      await page.addInitScript(() => {
        const violations = /** @type {string[]} */ ([]);
        Object.assign(window, { violations });
        document.addEventListener("securitypolicyviolation", ({ blockedURI }) => violations.push(blockedURI));
      });
      await page.goto(`${host.origin}/${index}`);
      const blocked = await page.evaluate(
        async ([request, socket]) => {
          await fetch(request ?? "", { mode: "no-cors" }).catch(() => {});
          const opened = new WebSocket(socket ?? "");
          // What a policy refuses is told by an error, and never closed.
          await new Promise((resolve) => opened.addEventListener("error", resolve));
          return /** @type {any} */ (window).violations;
        },
        [PROBES.request.target, PROBES.socket.target],
      );
      const policies = csp.parsePolicies(policy);
      for (const [name, { fetching, target }] of Object.entries(PROBES)) {
        const judged = policies.every((one) => csp.judge(one, /** @type {any} */ (fetching), new URL(target), new URL(host.origin)).allowed);
        assert.equal(judged, !blocked.includes(target), name);
      }
    });
  });
});

it("what it says to add lets the widget in", async (t) => {
  const policy = "default-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
  const context = await visitor(t, browser, { errors: REFUSED });
  const doctor = await context.newPage();
  const found = await examine(doctor, chat.url, { tenant: site.slug, origin: host.origin, csp: policy });
  found.hasFaults({ cspScript: [/default-src does not name/], cspConnect: [/cannot reach the server/] });
  const lines = await doctor.locator('[data-check^="csp"] pre').allInnerTexts();
  host.pages["/mended"] = { csp: `${policy}; ${lines.join(" ")}`, html: snippet(chat.url, { tenant: site.publicKey, room: room.slug, open: "" }) };
  const page = await context.newPage();
  await page.goto(`${host.origin}/mended`);
  await page.getByRole("textbox", { name: /message/i }).waitFor();
});
