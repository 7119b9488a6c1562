import type { Emitter } from "parlour-client";
import { createElement, type Component, type FunctionComponent } from "preact";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";

/** What tells of its changes by named events, each subscription giving the function that ends it. */
interface Source<Event extends string> {
  on(event: Event, listener: () => void): () => void;
}

/** Renders the view again after each of these events of `source`; several within a task make one rendering. */
export function useEmitter<Event extends string>(source: Source<Event> | null | undefined, ...events: Event[]): void {
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  useLayoutEffect(() => {
    const ends = events.map((event) => source?.on(event, () => render()));
    return () => ends.forEach((end) => end?.());
  }, [source, ...events]);
}

/** A function that stays the same over renderings and runs what was given at the last of them. */
export function useStable<Args extends unknown[], Result>(run: (...args: Args) => Result): (...args: Args) => Result {
  const latest = useRef(run);
  latest.current = run;
  return useCallback((...args) => latest.current(...args), []);
}

/** Listens on the document, the window or an element while the view is there. */
export function useListener(target: EventTarget | null, event: string, listener: (event: Event) => void): void {
  const stable = useStable(listener);
  useEffect(() => {
    target?.addEventListener(event, stable);
    return () => target?.removeEventListener(event, stable);
  }, [target, event]);
}

/** Listens to an event of a session, a room or a thread, while the view is there. */
export function useListening<Events extends object, Event extends keyof Events>(
  source: Emitter<Events>,
  event: Event,
  listener: (value: Events[Event]) => void,
): void {
  const stable = useStable(listener);
  useLayoutEffect(() => source.on(event, stable), [source, event]);
}

/** Milliseconds left until `moment` (of `Date.now()`), counted down each second; 0 when it is over or null. */
export function useCountdown(moment: number | null): number {
  const [, tick] = useState(0);
  const left = moment === null ? 0 : Math.max(0, moment - Date.now());
  useEffect(() => {
    if (left === 0) return undefined;
    const timer = setTimeout(() => tick(Date.now()), left % 1000 || 1000);
    return () => clearTimeout(timer);
  });
  return left;
}

/** Whether the page can be seen. */
export function useVisible(): boolean {
  const [visible, setVisible] = useState(!document.hidden);
  useListener(document, "visibilitychange", () => setVisible(!document.hidden));
  return visible;
}

/** The view, rendered again only when one of its properties is another value. */
export function memo<Props extends object>(View: FunctionComponent<Props>): FunctionComponent<Props> {
  return function Memo(this: Component<Props> | void, props: Props) {
    if (this) this.shouldComponentUpdate = (next: Props) => differ(this.props, next);
    return createElement(View, props);
  };
}

function differ<Props extends object>(props: Props, next: Props): boolean {
  const before = new Map<string, unknown>(Object.entries(props));
  const after = Object.entries(next);
  return before.size !== after.length || after.some(([name, value]) => before.get(name) !== value);
}
