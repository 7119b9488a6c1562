/** What becomes of the page and its network, as far as a connection cares. */
export interface PageWatcher {
  /** The page is shown again, or the network is back: now is a good moment to connect. */
  awake(): void;
  /** The network is gone, or the page is left, and may be kept to be gone back to. */
  asleep(): void;
}

/** Whether the device says that it has no network. Only this answer can be relied on, not the opposite. */
export function isOffline(): boolean {
  return globalThis.navigator?.onLine === false;
}

/** Watches the page, where there is one. The function that is returned ends it. */
export function watchPage({ awake, asleep }: PageWatcher): () => void {
  const { window, document } = globalThis;
  const watching = new AbortController();
  const listen = (target: EventTarget | undefined, events: string[], listener: () => void) => {
    for (const event of events) target?.addEventListener(event, listener, watching);
  };
  listen(window, ["online", "pageshow"], awake);
  listen(window, ["offline", "pagehide"], asleep);
  // Browsers that freeze pages do not always tell that one is visible again.
  listen(document, ["visibilitychange", "resume"], () => {
    if (document.visibilityState !== "hidden") awake();
  });
  return () => watching.abort();
}
