/** Hosts that are this machine: browsers trust them without TLS. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}

/** The origin of a website as somebody writes it, with a path behind it or without a scheme before it; or nothing. */
export function originOf(text: string): URL | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  return /^https?:$/.test(url.protocol) && url.hostname !== "" ? new URL(url.origin) : undefined;
}

/** Origins that are easily taken for this one: with or without `www.`, with the other scheme. */
export function neighbours(origin: URL): string[] {
  const swapped = new URL(origin);
  swapped.hostname = origin.hostname.startsWith("www.") ? origin.hostname.slice(4) : `www.${origin.hostname}`;
  const other = new URL(origin);
  other.protocol = origin.protocol === "https:" ? "http:" : "https:";
  const hasName = !/^[\d.]+$|^\[/.test(origin.hostname) && origin.hostname.includes(".");
  return [...(hasName ? [swapped.origin] : []), other.origin];
}
