// The address that stands for a page, however somebody came to it: pages with `room="page"` have one room each by it.

/** The canonical address the page tells of itself, if it is one of the web; else its own without query and fragment. */
export function pageAddress(): string {
  const canonical = document.querySelector<HTMLLinkElement>('link[rel~="canonical"][href]')?.href ?? "";
  return /^https?:\/\/./.test(canonical) ? canonical : `${location.origin}${location.pathname}`;
}

/** Runs when the page may have another address without being loaded anew. The function given back ends this. */
export function onNavigation(run: () => void): () => void {
  const { navigation } = window as { navigation?: EventTarget };
  navigation?.addEventListener("navigatesuccess", run);
  addEventListener("popstate", run);
  return () => {
    navigation?.removeEventListener("navigatesuccess", run);
    removeEventListener("popstate", run);
  };
}
