import { asFields, asList, asText, type Fields, type Parser } from "./fields.js";
import { ChatError } from "./error.js";
import type { UserRef } from "./model.js";
import { asChatError, restError } from "./refusals.js";

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** How many elements of a list are enough; more are only what else is on their page. */
const LIST_MAX = 1000;

/** Who asks. */
export interface Credentials {
  readonly token: string | null;
  /**
   * Settles when it is known who that is.
   *
   * @throws {ChatError} `unauthorized` when it is nobody
   */
  settled(): Promise<UserRef>;
  /** Gets another token than one that was refused; whether there is one. */
  renew(refused: string): Promise<boolean>;
}

export interface Answer {
  data: unknown;
  meta: Fields | undefined;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Readonly<Record<string, string | number | undefined>>;

/** The REST interface of one server, for one tenant. */
export class Rest {
  /** Of the server, with a slash at its end. */
  readonly base: string;
  readonly #tenant: string | undefined;
  readonly #fetch: typeof fetch;
  readonly #credentials: Credentials;
  readonly #running = new Set<AbortController>();

  constructor(base: string, tenant: string | undefined, fetcher: typeof fetch | undefined, credentials: Credentials) {
    this.base = base;
    this.#tenant = tenant;
    // Not kept as it is: browsers want `fetch` called as a function of the window.
    this.#fetch = fetcher ?? ((input, init) => fetch(input, init));
    this.#credentials = credentials;
  }

  /**
   * Asks, with the user's token; once more, with another one, if that is refused.
   *
   * @param send - sends it in a way of its own, which knows no bound of time
   * @throws {ChatError} what the server answers, or `offline` when there is no answer
   */
  async ask(method: Method, path: string, body?: object, query?: Query, send?: typeof fetch): Promise<Answer> {
    await this.#credentials.settled();
    const { token } = this.#credentials;
    try {
      return await this.askAs(token, method, path, body, query, send);
    } catch (error) {
      const refused = asChatError(error).status === 401 && token !== null;
      if (!refused || !(await this.#credentials.renew(token))) throw error;
      return this.askAs(this.#credentials.token, method, path, body, query, send);
    }
  }

  /** All elements of a list that comes in pages; of a very long one the first thousand. */
  async list<T>(path: string, parse: Parser<T>): Promise<T[]> {
    const all: T[] = [];
    let cursor: string | undefined;
    do {
      const { data, meta } = await this.ask("GET", path, undefined, { limit: 100, cursor });
      all.push(...asList(data, parse));
      cursor = asText(meta?.["next_cursor"]);
    } while (cursor !== undefined && all.length < LIST_MAX);
    return all;
  }

  /** Asks as somebody else than the user, or as nobody. */
  async askAs(
    token: string | null,
    method: Method,
    path: string,
    body?: object,
    query: Query = {},
    send = this.#fetch,
  ): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (token !== null) headers["authorization"] = `Bearer ${token}`;
    if (this.#tenant !== undefined) headers["x-tenant"] = this.#tenant;
    if (body) headers["content-type"] = "application/json";

    const url = new URL(`api/v1${path}`, this.base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }

    const controller = new AbortController();
    const { signal } = controller;
    const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
    this.#running.add(controller);
    try {
      return await answerOf(send(url.href, { method, headers, body: body ? JSON.stringify(body) : null, signal }));
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
    }
  }

  /** Ends what is under way. */
  abort(): void {
    for (const controller of this.#running) controller.abort();
  }

}

/** What the server answers. @throws {ChatError} */
async function answerOf(sent: Promise<Response>): Promise<Answer> {
  try {
    const response = await sent;
    const answer = parseJson(await response.text());
    if (!response.ok) throw restError(response.status, answer, response.headers.get("retry-after"));
    return { data: answer?.["data"], meta: asFields(answer?.["meta"]) };
  } catch (error) {
    throw asChatError(error, "offline");
  }
}

/** What a text says in JSON; proxies answer with something else now and then. */
function parseJson(text: string): Fields | undefined {
  try {
    return asFields(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * What an answer has, parsed.
 *
 * @throws {ChatError} also when it could not be
 */
export async function read<T>(answer: Promise<Answer>, parse: Parser<T>): Promise<T> {
  return expected(parse((await answer).data));
}

/**
 * What was parsed.
 *
 * @throws {ChatError} `protocol` when it could not be
 */
export function expected<T>(parsed: T | undefined): T {
  if (parsed === undefined) throw new ChatError("protocol");
  return parsed;
}
