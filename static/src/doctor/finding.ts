import type { TextKey } from "../i18n/i18n.ts";

/** How a check stands. `running` is never final. */
export type State = "running" | "good" | "warning" | "broken" | "skipped";

/** A span of time in a text; written with units by whoever shows it. */
export interface Duration {
  readonly seconds: number;
}

/** A text and what stands in its places: what is found is told in the reader's language, wherever it was found. */
export interface Said {
  readonly key: TextKey;
  readonly params?: Readonly<Record<string, string | number | Duration>>;
}

/** Something to copy: lines of a configuration, a command. Never holds a secret. */
export interface Snippet {
  /** Where it belongs, as a name that is the same in all languages: "nginx". */
  readonly label: string;
  readonly text: string;
}

/** What to do about a fault. */
export interface Fix {
  readonly say: Said;
  readonly snippets?: readonly Snippet[];
}

/** The outcome of a check. */
export interface Finding {
  readonly state: Exclude<State, "running">;
  /** What was seen. Never holds a secret. */
  readonly seen: readonly Said[];
  readonly fixes: readonly Fix[];
  /** The `x-request-id` of the answer that it is about, to be looked up in the server's log. */
  readonly requestId?: string;
}

/** A text with its parameters, shortly. */
export function said(key: TextKey, params?: Said["params"]): Said {
  return params ? { key, params } : { key };
}

export function good(...seen: Said[]): Finding {
  return { state: "good", seen, fixes: [] };
}

export function skipped(...seen: Said[]): Finding {
  return { state: "skipped", seen, fixes: [] };
}

export function warning(seen: Said | readonly Said[], ...fixes: Fix[]): Finding {
  return { state: "warning", seen: [seen].flat(), fixes };
}

export function broken(seen: Said | readonly Said[], ...fixes: Fix[]): Finding {
  return { state: "broken", seen: [seen].flat(), fixes };
}

/** The same, with the id that the server gave the request. */
export function ofRequest(finding: Finding, requestId: string | null): Finding {
  return requestId === null ? finding : { ...finding, requestId };
}

const GRAVITY: readonly State[] = ["skipped", "good", "running", "warning", "broken"];

/** The gravest of these states; `skipped` for none. */
export function gravest<S extends State>(states: Iterable<S>): S | "skipped" {
  let worst: S | "skipped" = "skipped";
  for (const state of states) if (GRAVITY.indexOf(state) > GRAVITY.indexOf(worst)) worst = state;
  return worst;
}

/** Several findings of one subject as one: all that is wrong is told, and of what is right only when nothing is wrong. */
export function together(findings: readonly Finding[]): Finding {
  const state = gravest(findings.map((finding) => finding.state));
  const telling = findings.filter((finding) => state === "good" || state === "skipped" || finding.state !== "good");
  return {
    state,
    seen: unlike(telling.flatMap((finding) => finding.seen)),
    fixes: unlike(telling.flatMap((finding) => finding.fixes)),
  };
}

/** Each of these once. */
function unlike<T>(list: readonly T[]): T[] {
  return [...new Map(list.map((entry) => [JSON.stringify(entry), entry])).values()];
}
