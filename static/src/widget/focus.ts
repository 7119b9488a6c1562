// Where the focus goes as the chat is opened and closed.

/** What has the focus, however deep; `null` when nothing has. */
export function focusedElement(): HTMLElement | null {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element instanceof HTMLElement && element !== document.body ? element : null;
}

/** What in this element has the focus. */
export function focusWithin(element: HTMLElement): HTMLElement | null {
  const focused = focusedElement();
  return focused && element.contains(focused) ? focused : null;
}

/**
 * Puts the focus into a dialog, and on the field to write in as soon as it is there, unless the visitor has gone on to
 * something else. Where a keyboard would rise on the screen and hide what there is to read, the field is left alone. The
 * function given back ends the waiting.
 */
export function focusWhenReady(dialog: HTMLElement): () => void {
  dialog.focus();
  if (!matchMedia("(pointer: fine)").matches) return () => {};
  const observer = new MutationObserver(look);
  function look(): void {
    const focused = focusWithin(dialog);
    // The dialog and its panes take the focus for as long as there is nothing better.
    if (focused && focused.tabIndex < 0) (dialog.querySelector("textarea") ?? dialog.querySelector<HTMLElement>("form input"))?.focus();
    if (focused !== null && focused.tabIndex >= 0) observer.disconnect();
  }
  observer.observe(dialog, { childList: true, subtree: true });
  look();
  return () => observer.disconnect();
}

/** Gives the focus back to who opened the dialog, else to `otherwise`; unless it is somewhere else by now. */
export function returnFocusTo(dialog: HTMLElement, opener: HTMLElement | null, otherwise: HTMLElement | null): void {
  const now = focusedElement();
  if (now && !dialog.contains(now) && now !== opener) return;
  if (opener?.isConnected) opener.focus();
  if (focusedElement() !== opener) otherwise?.focus();
}
