/** Milliseconds until what could not be loaded is asked for again. */
const AGAIN = 3000;

/**
 * What `load` gives, as soon as it works: somebody may be in a tunnel. `arrive` is not called any more after the
 * function that is returned was.
 *
 * @param failed called after the first failure
 */
export function untilLoaded<Loaded>(load: () => Promise<Loaded>, arrive: (loaded: Loaded) => void, failed?: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wanted = true;
  const ask = (first: boolean): void => {
    load().then(
      (loaded) => wanted && arrive(loaded),
      () => {
        if (!wanted) return;
        if (first) failed?.();
        timer = setTimeout(() => ask(false), AGAIN);
      },
    );
  };
  ask(true);
  return () => {
    wanted = false;
    clearTimeout(timer);
  };
}
