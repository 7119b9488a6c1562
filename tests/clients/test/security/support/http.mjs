// @ts-check
// HTTP requests exactly as told, from an address as told.
import { Agent, request } from "node:http";
import { Agent as TlsAgent, request as requestTls } from "node:https";

/**
 * @typedef {object} Received
 * @property {number} status
 * @property {import("node:http").IncomingHttpHeaders} headers
 * @property {string} text
 * @property {any} body the JSON of the text, if it is some
 * @property {number} ms how long it took
 */

/**
 * Connections are let go of before the server, which does so after five seconds, can do it in the moment of a request.
 */
const KEPT = { keepAlive: true, timeout: 3000 };

const agents = { "http:": new Agent(KEPT), "https:": new TlsAgent(KEPT) };

/**
 * @param {string} url
 * @param {object} [how]
 * @param {string} [how.method]
 * @param {Record<string, string | string[]>} [how.headers]
 * @param {unknown} [how.body] text as it is, anything else as JSON
 * @param {string} [how.from] the address to come from
 * @returns {Promise<Received>}
 */
export function send(url, { method = "GET", headers = {}, body, from } = {}) {
  const { protocol } = new URL(url);
  const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  /** @type {Record<string, string | string[]>} */
  const sent = { ...headers };
  if (payload !== undefined) {
    sent["content-type"] ??= "application/json";
    sent["content-length"] = String(Buffer.byteLength(payload));
  }
  const started = performance.now();
  const ask = protocol === "https:" ? requestTls : request;
  const agent = protocol === "https:" ? agents["https:"] : agents["http:"];
  return new Promise((resolve, reject) => {
    const call = ask(url, { method, headers: sent, agent, localAddress: from }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.once("error", reject);
      response.once("end", () => {
        let json;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, text, body: json, ms: performance.now() - started });
      });
    });
    call.once("error", reject);
    call.end(payload);
  });
}

/**
 * What two answers must have in common to be told apart by nothing: all but what differs between any two.
 *
 * @param {Received} answer
 */
export function comparable({ status, headers, text }) {
  const kept = Object.entries(headers).filter(([name]) => !VARYING.has(name));
  return { status, headers: Object.fromEntries(kept.sort()), text };
}

/**
 * The request's id, what counts requests or time, and whether the body had arrived by the time of a refusal that did not
 * wait for it.
 */
const VARYING = new Set(["x-request-id", "date", "ratelimit-remaining", "ratelimit-reset", "keep-alive", "connection"]);
