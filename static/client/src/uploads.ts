// Files on their way to the server.
import { located, parseAttachment, type Attachment } from "./attachment.js";
import { ChatError } from "./error.js";
import { asText } from "./fields.js";
import { naming } from "./refusals.js";
import { expected } from "./rest.js";
import type { Room } from "./room.js";

export interface UploadOptions {
  /** What the file is called; its own name, if it has one, when missing. */
  name?: string | undefined;
  /** Told how much of it was sent, from 0 to 1. Not told outside of browsers. */
  onProgress?: ((sent: number) => void) | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

/**
 * Makes a file ready to be sent with a message to a room, by the same user, within the hour.
 *
 * @throws {ChatError} `body_too_large`, `uploads_full`, `feature_disabled` and the refusals of sending; `offline`;
 * `aborted` when the signal ended it
 */
export async function upload(room: Room, file: Blob, options: UploadOptions = {}): Promise<Attachment> {
  const { rest } = room.host;
  const name = options.name ?? ("name" in file ? asText(file.name) : undefined);
  const send: typeof fetch = (url, init) => sendFile(String(url), init?.headers ?? {}, file, options);
  const asked = rest.ask("POST", `/rooms/${room.id}/uploads`, undefined, { name }, send);
  const { data } = await asked.catch(naming("there is no space for more uploads", "uploads_full"));
  return located(expected(parseAttachment(data)), rest.base);
}

/** Posts a file. Of what browsers have, only `XMLHttpRequest` tells how far it is. */
function sendFile(url: string, headers: HeadersInit, file: Blob, { onProgress, signal }: UploadOptions): Promise<Response> {
  const aborted = (): ChatError => new ChatError("aborted");
  if (typeof XMLHttpRequest === "undefined") {
    return fetch(url, { method: "POST", headers, body: file, signal: signal ?? null }).catch((error: unknown) => {
      throw signal?.aborted ? aborted() : error;
    });
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = (): void => request.abort();
    const settle = (result: Response | ChatError): void => {
      signal?.removeEventListener("abort", abort);
      if (result instanceof ChatError) reject(result);
      else resolve(result);
    };
    request.open("POST", url);
    new Headers(headers).forEach((value, name) => request.setRequestHeader(name, value));
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total > 0 ? loaded / total : 0);
    request.onload = () => {
      const wait = request.getResponseHeader("retry-after");
      settle(new Response(request.responseText, { status: request.status, headers: wait === null ? {} : { "retry-after": wait } }));
    };
    request.onerror = () => settle(new ChatError("offline"));
    request.onabort = () => settle(aborted());
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) settle(aborted());
    else request.send(file);
  });
}
