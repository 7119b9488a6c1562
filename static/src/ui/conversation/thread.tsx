import { lazyView } from "../lazy-view.ts";
import { loadTools } from "./tools.ts";

/** The replies under one message, with a composer of their own. */
export const Thread = lazyView(loadTools, (tools) => tools.ThreadPane);
