import { late } from "../late.ts";

/** The emoji and what shows them: a chunk of its own, loaded when somebody wants one. */
export function loadEmoji(): Promise<typeof import("./emoji.ts")> {
  return late("emoji", () => import("./emoji.ts"));
}
