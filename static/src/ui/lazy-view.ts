import { createElement, type FunctionComponent, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

/**
 * A view whose code is loaded when it is shown for the first time, with nothing in its place until then. When it cannot
 * be loaded, it is tried again the next time the view is to be shown; some browsers, Chromium among them, remember a
 * failure until the page is loaded again.
 */
export function lazyView<Props extends object>(
  load: () => Promise<FunctionComponent<Props>>,
): FunctionComponent<Props> {
  let loaded: FunctionComponent<Props> | null = null;
  return function LazyView(props: Props): JSX.Element | null {
    const [View, setView] = useState(() => loaded);
    useEffect(() => {
      if (View) return undefined;
      let shown = true;
      load().then(
        (view) => {
          loaded = view;
          if (shown) setView(() => view);
        },
        // What is shown without it says all that is needed to read and write.
        () => undefined,
      );
      return () => void (shown = false);
    }, []);
    return View && createElement(View, props);
  };
}
