import { late } from "../late.ts";

/** What shows files in messages, and takes those to be sent: loaded where there are some, or some can be sent. */
export function loadFiles(): Promise<typeof import("./files-chunk.ts")> {
  return late("files-chunk", () => import("./files-chunk.ts"));
}
