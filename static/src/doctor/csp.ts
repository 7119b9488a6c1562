// The part of Content-Security-Policy (W3C, CSP Level 3) that decides what a page may load and connect to. Where
// browsers differ it says no: who follows the fix is safe in all of them.

/** A policy: its directives' values by lower-case name, in the order they were written. */
export interface Policy {
  readonly directives: ReadonlyMap<string, readonly string[]>;
  /** It only reports: nothing is blocked by it. */
  readonly reportOnly: boolean;
}

/** What a page does that a policy can forbid. */
export type Fetching = "script-src-elem" | "connect-src" | "img-src";

/** How a policy judges something. */
export type Judgement =
  | { readonly allowed: true }
  /** `directive` forbids it; `nonce`: what would carry a nonce of the page were allowed. */
  | { readonly allowed: false; readonly directive: string; readonly nonce: boolean };

const FALLBACKS: Readonly<Record<Fetching, readonly string[]>> = {
  "script-src-elem": ["script-src-elem", "script-src", "default-src"],
  "connect-src": ["connect-src", "default-src"],
  "img-src": ["img-src", "default-src"],
};

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "ws:": "80", "https:": "443", "wss:": "443" };

/** The same scheme made safe by TLS. */
const SAFER: Readonly<Record<string, string>> = { "http:": "https:", "ws:": "wss:" };

const HEADER = /^\s*(content-security-policy(?:-report-only)?)\s*:\s*(.*)$/i;
const META = /<meta\b[^>]*http-equiv\s*=\s*["']?content-security-policy["']?[^>]*>/gi;

/**
 * The policies in what somebody has copied: a header's value, header lines among others, or `<meta>` elements. Several
 * policies all count.
 */
export function parsePolicies(text: string): Policy[] {
  const metas = [...text.matchAll(META)].map(([element]) => /content\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(element));
  if (metas.length > 0) return metas.flatMap((found) => policies(found?.[1] ?? found?.[2] ?? "", false));
  const lines = text.split(/\r?\n/);
  const headers = lines.map((line) => HEADER.exec(line)).filter((found) => found !== null);
  if (headers.length > 0) {
    return headers.flatMap(([, name = "", value = ""]) => policies(value, name.toLowerCase().endsWith("report-only")));
  }
  return policies(lines.join(" "), false);
}

function policies(value: string, reportOnly: boolean): Policy[] {
  return value
    .split(",")
    .map((part) => ({ directives: directives(part), reportOnly }))
    .filter((policy) => policy.directives.size > 0);
}

/** Of a directive that comes twice the first counts. */
function directives(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const part of text.split(";")) {
    const [name, ...values] = part.trim().split(/\s+/);
    if (name && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), values);
  }
  return found;
}

/** The directive that decides, which may be one that stands in for a missing one. */
export function effective(policy: Policy, fetching: Fetching): string | undefined {
  return FALLBACKS[fetching].find((name) => policy.directives.has(name));
}

/** Whether a page of the origin `page` may do this with `target` under a policy. */
export function judge(policy: Policy, fetching: Fetching, target: URL, page: URL): Judgement {
  const directive = effective(policy, fetching);
  if (policy.reportOnly || directive === undefined) return { allowed: true };
  const sources = policy.directives.get(directive) ?? [];
  const lower = sources.map((source) => source.toLowerCase());
  const script = fetching === "script-src-elem";
  // With 'strict-dynamic' addresses do not count: a script needs a nonce, or to be loaded by one that has it.
  const byAddress = !(script && lower.includes("'strict-dynamic'"));
  if (byAddress && sources.some((source) => matches(source, target, page))) return { allowed: true };
  return { allowed: false, directive, nonce: script && lower.some((source) => source.startsWith("'nonce-")) };
}

/** Whether a source of a list covers an address. */
export function matches(source: string, target: URL, page: URL): boolean {
  const text = source.toLowerCase();
  if (text === "*") return target.protocol in DEFAULT_PORTS;
  if (text === "'self'") return isSelf(target, page);
  if (text.startsWith("'")) return false;
  if (/^[a-z][a-z0-9+.-]*:$/.test(text)) return covers(text, target.protocol);
  const parts = /^(?:([a-z][a-z0-9+.-]*:)\/\/)?(\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::(\d+|\*))?(\/[^?#]*)?$/i.exec(source);
  if (!parts) return false;
  const [, scheme, host = "", port, path] = parts;
  return (
    covers(scheme?.toLowerCase() ?? page.protocol, target.protocol) &&
    coversHost(host.toLowerCase(), target.hostname) &&
    coversPort(port, target) &&
    coversPath(path, target.pathname)
  );
}

function isSelf(target: URL, page: URL): boolean {
  const sameHost = target.hostname === page.hostname && portOf(target) === portOf(page);
  const web = target.protocol.replace("ws", "http");
  return (sameHost && covers(page.protocol, web)) || (target.hostname === page.hostname && isUpgrade(page, target, web));
}

/** A page over HTTP means itself over TLS, too, when both have their scheme's own port. */
function isUpgrade(page: URL, target: URL, protocol: string): boolean {
  return page.port === "" && target.port === "" && page.protocol === "http:" && protocol === "https:";
}

function covers(scheme: string, protocol: string): boolean {
  return scheme === protocol || SAFER[scheme] === protocol;
}

function coversHost(pattern: string, host: string): boolean {
  if (pattern === "*") return true;
  return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function coversPort(port: string | undefined, target: URL): boolean {
  const asked = portOf(target);
  if (port === "*") return true;
  if (port === undefined) return asked === DEFAULT_PORTS[target.protocol];
  return port === asked || (port === "80" && asked === "443");
}

/** A path that ends in `/` covers what is below it. */
function coversPath(path: string | undefined, asked: string): boolean {
  if (path === undefined || path === "/") return true;
  return path.endsWith("/") ? asked.startsWith(path) : asked === path;
}

function portOf(url: URL): string {
  return url.port || (DEFAULT_PORTS[url.protocol] ?? "");
}

/** The sources that a directive lacks. */
export interface Need {
  readonly fetching: Fetching;
  readonly sources: readonly string[];
}

/**
 * The directives as they have to be, with these sources in them. What a missing directive has stood in for it goes on
 * being allowed.
 */
export function amended(policy: Policy, needs: readonly Need[]): string[] {
  const lines = new Map<string, readonly string[]>();
  for (const { fetching, sources } of needs) {
    const directive = effective(policy, fetching);
    if (directive === undefined) continue;
    // A directive for scripts in general will do, and says more plainly what is meant.
    const own = fetching === "script-src-elem" && directive === "default-src" ? "script-src" : fetching;
    const name = directive === "default-src" ? own : directive;
    const known = lines.get(name) ?? policy.directives.get(directive) ?? [];
    const kept = known.filter((source) => source.toLowerCase() !== "'none'");
    lines.set(name, [...new Set([...kept, ...sources])]);
  }
  return [...lines].map(([name, sources]) => `${[name, ...sources].join(" ")};`);
}
