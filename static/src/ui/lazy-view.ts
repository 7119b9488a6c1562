import { createElement, type FunctionComponent, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { adopt } from "../styles/sheets.ts";
import { untilLoaded } from "../until-loaded.ts";
import { useChat } from "./context.ts";
import type { Views } from "./lazy.ts";

/**
 * A view whose code is loaded when it is shown for the first time, with `Meanwhile` in its place until then. What cannot be
 * loaded is asked for again for as long as it is to be shown; what is shown without it says all that is needed to read
 * and write.
 */
export function lazyView<Module extends Views, Props extends object>(
  load: () => Promise<Module>,
  pick: (module: Module) => FunctionComponent<Props>,
  Meanwhile: FunctionComponent<Props> = () => null,
): FunctionComponent<Props> {
  let loaded: Module | null = null;
  return function LazyView(props: Props): JSX.Element {
    const { root } = useChat();
    const arrive = (module: Module): FunctionComponent<Props> => {
      loaded = module;
      adopt(root, module.styles);
      return pick(module);
    };
    const [View, setView] = useState(() => loaded && arrive(loaded));
    useEffect(() => (View ? undefined : untilLoaded(load, (module) => setView(() => arrive(module)))), []);
    return createElement(View ?? Meanwhile, props);
  };
}
