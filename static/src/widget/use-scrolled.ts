import { useLayoutEffect, useState } from "preact/hooks";

/**
 * How far what is scrolled within an element is scrolled, as of its last drawing: once the element has other measures,
 * or is moved, it is too late to ask.
 */
export function useScrolled(element: HTMLElement): ReadonlyMap<Element, number> {
  const [offsets] = useState(() => new Map<Element, number>());
  useLayoutEffect(() => {
    const onScroll = ({ target }: Event): void => {
      for (const known of offsets.keys()) if (!element.contains(known)) offsets.delete(known);
      if (target instanceof Element) offsets.set(target, target.scrollTop);
    };
    element.addEventListener("scroll", onScroll, { capture: true, passive: true });
    return () => element.removeEventListener("scroll", onScroll, { capture: true });
  }, [element]);
  return offsets;
}
