// One request of a form at a time: whether it is under way, what it was refused with, when it may be tried again.
import { useRef, useState } from "preact/hooks";
import { ChatError } from "parlour-client";
import { useCountdown } from "../hooks.ts";

export interface FormRequest {
  readonly busy: boolean;
  readonly error: ChatError | null;
  /** Milliseconds until the server takes another attempt; 0 when it does. */
  readonly wait: number;
  /** Runs `action` unless one is under way or has to wait; the form's `onSubmit` calls it. */
  run(action: () => Promise<void>): Promise<void>;
  /** Forgets the error, as when a field is changed. */
  clear(): void;
}

/** The state of a form that asks the server for something. */
export function useRequest(): FormRequest {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ChatError | null>(null);
  const [until, setUntil] = useState<number | null>(null);
  const wait = useCountdown(until);
  const running = useRef(false);

  async function run(action: () => Promise<void>): Promise<void> {
    if (running.current || wait > 0) return;
    running.current = true;
    setBusy(true);
    setError(null);
    try {
      await action();
    } catch (cause) {
      if (!(cause instanceof ChatError)) throw cause;
      setError(cause);
      if (cause.code === "rate_limited") setUntil(Date.now() + (cause.retryAfterMs ?? 0));
    } finally {
      running.current = false;
      setBusy(false);
    }
  }

  return { busy, error, wait, run, clear: () => setError(null) };
}
