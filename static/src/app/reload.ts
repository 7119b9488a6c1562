/** Milliseconds between two looks whether the server answers. */
const PAUSE = 3000;

let waiting = false;

/**
 * Loads the page anew as soon as the server answers, unless somebody is writing something. For scripts that could not be
 * fetched: browsers may remember that for as long as a page lives, and ask no second time.
 */
export function reloadWhenReachable(): void {
  if (waiting) return;
  waiting = true;
  const look = async (): Promise<void> => {
    const answered = await fetch(location.href, { method: "HEAD", cache: "no-store" }).then(
      () => true,
      () => false,
    );
    const writing = [...document.querySelectorAll("textarea")].some(({ value }) => value !== "");
    if (answered && !writing) location.reload();
    else setTimeout(() => void look(), PAUSE);
  };
  setTimeout(() => void look(), PAUSE);
}
