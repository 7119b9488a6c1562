import { indexedDbQueue } from "parlour-client/indexed-db";
import type { QueueStorage, UserRef } from "parlour-client";

/**
 * Keeps messages that wait to be sent beyond the page's life, in the database of this name. Those of guests are not
 * kept: a device that is somebody else's tomorrow should not send what a nobody wrote on it today.
 *
 * @param me - who the visitor is at the moment
 */
export function unsentQueue(name: string, me: () => UserRef | null): QueueStorage {
  const queue = indexedDbQueue(name);
  return {
    ...queue,
    add: async (owner, message) => {
      if (me()?.kind !== "guest") await queue.add(owner, message);
    },
  };
}
