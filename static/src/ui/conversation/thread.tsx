import { lazyView } from "../lazy-view.ts";
import type { ThreadProps } from "./thread-pane.tsx";
import { loadTools } from "./tools.ts";

/** The replies under one message, with a composer of their own. */
export const Thread = lazyView<ThreadProps>(() => loadTools().then(({ ThreadPane }) => ThreadPane));
