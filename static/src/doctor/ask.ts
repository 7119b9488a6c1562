import { isObject, type JsonObject } from "./jwt.ts";

/** What is used of a WebSocket. */
export interface Socket extends EventTarget {
  send(text: string): void;
  close(): void;
}

/** What a browser gives to look at a server with. */
export interface Tools {
  readonly fetch: typeof fetch;
  readonly WebSocket: new (address: URL, protocols: string[]) => Socket;
  /** Milliseconds since 1970 by this device's clock. */
  readonly now: () => number;
  /** Milliseconds by a clock that nobody sets. */
  readonly ticks: () => number;
}

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, if it is a JSON object; else an empty one. */
  readonly json: JsonObject;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** When it was there, in milliseconds since 1970 by this device's clock. */
  readonly at: number;
  readonly requestId: string | null;
}

/** Why there is no answer. Browsers tell scripts no more than this. */
export interface NoAnswer {
  readonly failed: "unreachable" | "timeout";
  /** After how long, in milliseconds. */
  readonly ms: number;
}

/** What is asked. Secrets belong into `headers` or `body`: addresses are written into logs. */
export interface Request {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Most milliseconds that it may take; 10 s. */
  readonly timeout?: number;
}

/** Asks one server. */
export class Server {
  readonly #tools: Tools;
  readonly #signal: AbortSignal;

  /**
   * @param base address of the server, ending in `/`
   * @param signal ends what is under way
   */
  constructor(
    readonly base: URL,
    tools: Tools,
    signal: AbortSignal,
  ) {
    this.#tools = tools;
    this.#signal = signal;
  }

  /** The answer to a request for a path below the server's address. */
  async ask(path: string, { method = "GET", headers = {}, body, timeout = 10_000 }: Request = {}): Promise<Answer | NoAnswer> {
    const begun = this.#tools.ticks();
    const late = AbortSignal.timeout(timeout);
    try {
      const response = await this.#tools.fetch(new URL(path, this.base), {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        cache: "no-store",
        credentials: "omit",
        redirect: "follow",
        signal: AbortSignal.any([late, this.#signal]),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: jsonOf(text),
        ms: this.#tools.ticks() - begun,
        at: this.#tools.now(),
        requestId: response.headers.get("x-request-id"),
      };
    } catch {
      return { failed: late.aborted ? "timeout" : "unreachable", ms: this.#tools.ticks() - begun };
    }
  }
}

/** What is in the envelope of a good answer of the REST interface. */
export function dataOf(answer: Answer): JsonObject {
  const { data } = answer.json;
  return isObject(data) ? data : {};
}

/** Why the REST interface refused, in its own words. */
export function errorOf(answer: Answer): string {
  const { error } = answer.json;
  return typeof error === "string" ? error : "";
}

export function isAnswer(answer: Answer | NoAnswer): answer is Answer {
  return "status" in answer;
}

function jsonOf(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
