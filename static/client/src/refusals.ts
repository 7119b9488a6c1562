// What refusals are called, over REST and on sockets, in one set of codes.
import { asCount, asFields, asList, asText } from "./fields.js";
import { ChatError, type ErrorDetails } from "./error.js";

/** Texts of REST that say more than their status, where their codes have other words. */
const TEXTS: Readonly<Record<string, string>> = {
  "banned from this room": "banned",
  "you may not create rooms here": "room_creation_closed",
  "this feature is turned off": "feature_disabled",
};

/** Codes that are such texts, but for small words: "room not found", "this room is full". */
const PLAIN = /^([a-z]+_not_(found|allowed)|(room_|tenant_|registration_)(full|suspended|closed)|too_many_rooms)$/;

const STATUSES: Readonly<Record<number, string>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  413: "body_too_large",
  422: "invalid",
  429: "rate_limited",
};

/** The refusal of a request. */
export function restError(status: number, body: unknown, retryAfter: string | null): ChatError {
  const text = asText(asFields(body)?.["error"]);
  const plain = codeOf(text ?? "");
  const details = detailsOf(body);
  if (retryAfter !== null) details.retryAfterMs ??= 1000 * (Number(retryAfter) || 1);
  const said = PLAIN.test(plain) ? plain : TEXTS[text ?? ""];
  const code = said ?? STATUSES[status] ?? (status < 500 ? "invalid" : "unavailable");
  return new ChatError(code, text, { ...details, status });
}

/** The refusal of a join or an event. */
export function replyError(response: unknown): ChatError {
  return new ChatError(codeOf(asText(asFields(response)?.["reason"]) ?? "protocol"), undefined, detailsOf(response));
}

/** Anything that was thrown. */
export function asChatError(cause: unknown, code = "unavailable"): ChatError {
  return cause instanceof ChatError ? cause : new ChatError(code, String(cause), { cause });
}

/** Rethrows, and gives what the server refused with this text a code: for refusals that only some entries meet. */
export function naming(text: string, code: string): (error: unknown) => never {
  return (cause) => {
    throw cause instanceof ChatError && cause.message === text ? new ChatError(code, text, { status: cause.status, cause }) : cause;
  };
}

function codeOf(text: string): string {
  return text.replace(/^(this|there are) | (is|are)(?= )/g, "").replace(/ /g, "_");
}

function detailsOf(body: unknown): ErrorDetails {
  const details = asFields(body);
  const fields = asFields(details?.["errors"]);
  return {
    retryAfterMs: asCount(details?.["retry_after_ms"]),
    until: asText(details?.["until"]),
    fields: fields && Object.fromEntries(Object.entries(fields).map(([name, texts]) => [name, asList(texts, asText)])),
  };
}
