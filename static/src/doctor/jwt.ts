// Reading a token, as Parlour reads it (docs/embedding.md, "Signing tokens"). No signature is verified here: that takes
// the key, which belongs on servers only.

export type JsonObject = Readonly<Record<string, unknown>>;

/** What stands in a token. */
export interface Token {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  /** Length of the signature. */
  readonly signatureBytes: number;
  /** It says that it is one of Parlour's own: a session, and no token of a website. */
  readonly isSession: boolean;
  /** Length of the whole. */
  readonly bytes: number;
}

/** Why a text is no token that could be read. */
export type Unreadable =
  /** A key, which is secret and no token: `sk_…`, `ta_…`, `gk_…`. */
  | "key"
  /** Not three parts with dots in between. */
  | "parts"
  /** A part is not base64 as tokens have it, without padding, and with `-` and `_`. */
  | "base64"
  /** Header or claims are no JSON object. */
  | "json"
  /** A name comes twice in header or claims. */
  | "twice";

/** `typ` of the sessions that Parlour issues. */
const SESSION_TYPE = "parlour+jwt";

/** A text as pasted: without white space around it, quotes, and the scheme of a header. */
export function tidied(text: string): string {
  return text
    .trim()
    .replace(/^(?:authorization:\s*)?bearer\s+/i, "")
    .replace(/^"(.*)"$/s, "$1")
    .trim();
}

/** Whether a text is one of the keys that are to be kept secret. */
export function isSecretKey(text: string): boolean {
  return /^(?:sk|ta|gk)_/.test(text);
}

/** Takes a token apart. */
export function readToken(text: string): Token | Unreadable {
  if (isSecretKey(text)) return "key";
  const parts = text.split(".");
  const [header = "", claims = "", signature = ""] = parts;
  if (parts.length !== 3) return "parts";
  const signed = bytesOf(signature);
  const [head, said] = [textOf(header), textOf(claims)];
  if (head === undefined || said === undefined || signed === undefined) return "base64";
  const [headObject, claimsObject] = [objectOf(head), objectOf(said)];
  if (!headObject || !claimsObject) return "json";
  if (repeatsName(head) || repeatsName(said)) return "twice";
  return {
    header: headObject,
    claims: claimsObject,
    signatureBytes: signed.length,
    isSession: headObject["typ"] === SESSION_TYPE,
    bytes: new TextEncoder().encode(text).length,
  };
}

function bytesOf(part: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(part) || part.length % 4 === 1) return undefined;
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function textOf(part: string): string | undefined {
  const bytes = bytesOf(part);
  if (!bytes) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function objectOf(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value is an object of JSON: neither an array nor `null`. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a name comes twice in the object that this is the JSON of; what is inside of its values does not count. */
export function repeatsName(json: string): boolean {
  const names = new Set<string>();
  let depth = 0;
  for (const [mark, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs)) {
    if (mark === "{" || mark === "[") depth += 1;
    else if (mark === "}" || mark === "]") depth -= 1;
    else if (depth === 1 && colon) {
      const name: unknown = JSON.parse(mark.slice(0, mark.length - colon.length));
      if (typeof name !== "string") continue;
      if (names.has(name)) return true;
      names.add(name);
    }
  }
  return false;
}
