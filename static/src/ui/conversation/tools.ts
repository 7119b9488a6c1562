import { late } from "../late.ts";

/** What is needed to do something with a message, or to look around; not to read and to write. A chunk of its own. */
export function loadTools(): Promise<typeof import("./toolbox.ts")> {
  return late("toolbox", () => import("./toolbox.ts"));
}
