import type { Answer, NoAnswer, Socket, Tools } from "../../../src/doctor/ask.ts";

/** An answer as a server gives it. */
export function answer(status: number, body: unknown = {}, headers: Record<string, string> = {}, ms = 10): Answer {
  const given = new Headers({ "x-request-id": "request-1", "cache-control": "no-store", ...headers });
  const json = typeof body === "object" && body !== null && !Array.isArray(body) ? { ...body } : {};
  return { status, headers: given, text: JSON.stringify(body), json, ms, at: 0, requestId: given.get("x-request-id") };
}

export const unreachable: NoAnswer = { failed: "unreachable", ms: 5 };
export const late: NoAnswer = { failed: "timeout", ms: 10_000 };

/** A request as the fake server gets it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A socket that answers heartbeats. */
export class Answering extends EventTarget implements Socket {
  constructor() {
    super();
    queueMicrotask(() => this.dispatchEvent(new Event("open")));
  }

  send(): void {
    const data = '[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]';
    queueMicrotask(() => this.dispatchEvent(new MessageEvent("message", { data })));
  }

  close(): void {}
}

/** A socket that is refused. */
export class Refused extends EventTarget implements Socket {
  constructor() {
    super();
    queueMicrotask(() => this.dispatchEvent(Object.assign(new Event("close"), { code: 1006 })));
  }

  send(): void {}

  close(): void {}
}

/** A socket that a policy forbids: there is an error, and it is never closed. */
export class Forbidden extends EventTarget implements Socket {
  constructor() {
    super();
    queueMicrotask(() => this.dispatchEvent(new Event("error")));
  }

  send(): void {}

  close(): void {}
}

/** A socket that nothing happens to. */
export class Silent extends EventTarget implements Socket {
  static closed = 0;

  send(): void {}

  close(): void {
    Silent.closed += 1;
  }
}

/** A browser whose requests are answered by `respond`, and whose sockets answer. */
export function tools(respond: (asked: Asked) => Response | Promise<Response>): Tools & { readonly asked: Asked[] } {
  const asked: Asked[] = [];
  return {
    asked,
    fetch: async (input, init = {}) => {
      const url = new URL(String(input instanceof Request ? input.url : input));
      const request = {
        method: init.method ?? "GET",
        path: `${url.pathname}${url.search}`,
        headers: new Headers(init.headers),
        body: typeof init.body === "string" ? init.body : "",
      };
      asked.push(request);
      return respond(request);
    },
    WebSocket: Answering,
    now: () => 1_795_300_000_000,
    ticks: () => 0,
  };
}
