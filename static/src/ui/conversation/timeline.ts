import type { Message } from "parlour-client";

/** Messages that can be paged back: a room's, or a thread's. */
export interface Timeline {
  readonly messages: readonly Message[];
  readonly hasMore: boolean;
  readonly loading: boolean;
  loadEarlier(): Promise<number>;
  on(event: "change", listener: () => void): () => void;
}
