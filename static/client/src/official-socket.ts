import { Socket, type SocketOptions } from "phoenix";

/**
 * A socket of the official client that leaves nothing behind.
 *
 * Its constructor listens to the window for good: there is no way to end that, so sockets would add up in a page that
 * opens and shuts the chat. And what it listens for, it does in a way that does not do here: while the page is hidden
 * it does not reconnect. So it is kept from listening; {@link watchPage} takes its place.
 */
export function officialSocket(endPoint: string, options: Omit<SocketOptions, "sessionStorage">): Socket {
  return withoutListening(() => new Socket(endPoint, { ...options, sessionStorage: NO_STORAGE }));
}

/** Browsers may forbid a page its `sessionStorage` by throwing at the mere look. */
const NO_STORAGE = { getItem: () => null, setItem: () => {}, removeItem: () => {} };

/** The official client listens to the document only where it can listen to the window. */
function withoutListening<T>(make: () => T): T {
  const { window } = globalThis;
  if (!window) return make();
  const name = "addEventListener";
  const before = Object.getOwnPropertyDescriptor(window, name);
  Object.defineProperty(window, name, { value: undefined, configurable: true });
  try {
    return make();
  } finally {
    Reflect.deleteProperty(window, name);
    if (before) Object.defineProperty(window, name, before);
  }
}
