// The chat on a phone: over the whole screen, as high as the keyboard leaves it.

/** Shows a dialog over everything, as modal; the page behind it does not scroll. The function given back ends this. */
export function coverScreen(dialog: HTMLDialogElement): () => void {
  dialog.showModal();
  const page = document.documentElement.style;
  const overflow = page.getPropertyValue("overflow");
  page.setProperty("overflow", "hidden");
  // A keyboard covers the lower part of the window without making the window smaller.
  const view = window.visualViewport;
  const fit = (): void => {
    // Who has zoomed in sees a part of the window, and wants to.
    if (!view || view.scale > 1) return;
    dialog.style.setProperty("--screen-height", `${view.height}px`);
    dialog.style.setProperty("--screen-top", `${view.offsetTop}px`);
  };
  fit();
  view?.addEventListener("resize", fit);
  view?.addEventListener("scroll", fit);
  return () => {
    view?.removeEventListener("resize", fit);
    view?.removeEventListener("scroll", fit);
    dialog.style.removeProperty("--screen-height");
    dialog.style.removeProperty("--screen-top");
    page.setProperty("overflow", overflow);
    dialog.close();
  };
}
