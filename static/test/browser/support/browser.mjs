// @ts-check
// Chromium, and people in front of it.
import assert from "node:assert/strict";
import { after } from "node:test";
import { chromium } from "playwright-core";

/** @typedef {import("playwright-core").Browser} Browser */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("node:test").TestContext} TestContext */

/** How long a page may take for what is waited for, in milliseconds: machines that run tests have much else to do. */
const PATIENCE = 20_000;

/** What a browser writes into the console by itself when the server refuses something. */
export const REFUSED = [/Failed to load resource/, /WebSocket connection to .* failed/];

const EXECUTABLE = process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium";

/**
 * Names below `.test` are this machine, every other name is nobody: whatever a page or the browser itself might ask
 * the internet for fails. Sites get names of their own by that, and ones that are no secure context.
 */
const FLAGS = [
  "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--no-pings",
  "--disable-gpu",
];

/** What a device shows: context options for those we draw for. */
export const DEVICES = /** @satisfies {Record<string, import("playwright-core").BrowserContextOptions>} */ ({
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
});

/**
 * One browser for a test file, which is closed when its tests are over.
 *
 * @param {string[]} [flags] further ones of the command line
 * @returns {Promise<Browser>}
 */
export async function launch(flags = []) {
  const isRoot = process.getuid?.() === 0;
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    // Chromium's sandbox refuses to be used by root, who runs tests in containers.
    chromiumSandbox: !isRoot,
    args: [...FLAGS, ...flags],
  });
  after(() => browser.close());
  return browser;
}

/**
 * @typedef {object} Expected
 * @property {string[]} [origins] which may be asked for something; every one, if missing
 * @property {RegExp[]} [errors] lines of the console that belong to the test
 */

/**
 * Somebody with a browser of their own: storage, cache and cookies are nobody else's. When the test is over the browser
 * is closed, and the test fails if a page threw, wrote an error into the console (violations of a policy are among
 * them), opened a dialog, or asked an origin it should not.
 *
 * @param {TestContext} t
 * @param {Browser} browser
 * @param {import("playwright-core").BrowserContextOptions & Expected} [how]
 */
export async function visitor(t, browser, { origins, errors = [], ...options } = {}) {
  const context = await browser.newContext({ ...DEVICES.desktop, locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE);
  const faults = watch(context, errors);
  const foreign = origins ? noForeignRequests(context, origins) : () => {};
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, [], "what went wrong in the pages");
    foreign();
  });
  return context;
}

/**
 * Keeps what goes wrong in a context's pages.
 *
 * @param {BrowserContext} context
 * @param {RegExp[]} expected
 */
function watch(context, expected) {
  /** @type {string[]} */
  const faults = [];
  const keep = (/** @type {string} */ text) => {
    if (!expected.some((pattern) => pattern.test(text))) faults.push(text);
  };
  context.on("weberror", (error) => keep(`thrown: ${error.error().stack ?? error.error().message}`));
  context.on("console", (message) => {
    if (message.type() === "error") keep(`console: ${message.text()} (${message.location().url})`);
  });
  context.on("dialog", (dialog) => {
    keep(`dialog: ${dialog.message()}`);
    void dialog.dismiss().catch(() => {});
  });
  return faults;
}

/**
 * Watches where a context's requests and sockets go. What it gives back fails if one went elsewhere than to `origins`.
 *
 * @param {BrowserContext} context
 * @param {string[]} origins
 */
export function noForeignRequests(context, origins) {
  const allowed = new Set(origins.map((origin) => new URL(origin).host));
  /** @type {string[]} */
  const foreign = [];
  const look = (/** @type {string} */ address) => {
    const { protocol, host } = new URL(address);
    if (/^(https?|wss?):$/.test(protocol) && !allowed.has(host)) foreign.push(address);
  };
  context.on("request", (request) => look(request.url()));
  context.on("page", (page) => page.on("websocket", (socket) => look(socket.url())));
  return () => assert.deepEqual(foreign, [], "requests to origins that were never configured");
}

/**
 * Tells a page that it is hidden, as when its tab goes to the background, or that it is shown again. Chromium under
 * test keeps every page visible, so this says what a page would see, and does not slow its timers down.
 *
 * @param {Page} page
 * @param {boolean} hidden
 */
export function setHidden(page, hidden) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    Object.defineProperty(document, "visibilityState", {
      configurable: true,
      get: () => (hidden ? "hidden" : "visible"),
    });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  }, hidden);
}
