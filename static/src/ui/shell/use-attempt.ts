import { ChatError } from "parlour-client";
import { useCallback } from "preact/hooks";
import { useChat } from "../context.ts";

/** A function that runs what somebody asked for, and says in words why it did not work. */
export function useAttempt(): (action: () => Promise<unknown>) => Promise<void> {
  const { notify } = useChat();
  return useCallback(
    async (action) => {
      try {
        await action();
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        notify(error);
      }
    },
    [notify],
  );
}
