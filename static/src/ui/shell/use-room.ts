// The room that is looked at, joined for as long as it is.
import { ChatError, type PageRoom, type Parlour, type Room } from "parlour-client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** Id or slug of a room, or the room of a web page, which is there from its first message on. */
export type RoomTarget = string | PageRoom;

export interface OpenRoom {
  /** `null` while it is being joined, when it cannot be, and when a page has none yet. */
  readonly room: Room | null;
  readonly error: ChatError | null;
  /** Whether it is still being joined. */
  readonly pending: boolean;
  /** Tries again after an error. */
  retry(): void;
  /** Takes over a room that is joined already, for the address it will be asked for by; without one it is shown now. */
  hand(room: Room, address?: string): void;
}

interface Answer {
  readonly target: RoomTarget;
  readonly room: Room | null;
  readonly error: ChatError | null;
}

/** Joins a room, and lets go of it when another one is asked for, or none. */
export function useRoom(chat: Parlour, target: RoomTarget | null): OpenRoom {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [attempt, setAttempt] = useState(0);
  const handed = useRef(new Map<RoomTarget, Room>());

  useEffect(() => {
    if (target === null) return undefined;
    let wanted = true;
    let joined: Room | null = handed.current.get(target) ?? null;
    handed.current.delete(target);
    const arrive = (room: Room | null): void => {
      if (!wanted) return room?.release();
      joined = room;
      setAnswer({ target, room, error: null });
    };
    const fail = (cause: unknown): void => {
      const error = cause instanceof ChatError ? cause : new ChatError("protocol", String(cause));
      if (wanted) setAnswer({ target, room: null, error });
    };
    setAnswer(null);
    if (joined) arrive(joined);
    else (typeof target === "string" ? chat.joinRoom(target) : target.open()).then(arrive, fail);
    return () => {
      wanted = false;
      joined?.release();
    };
  }, [chat, target, attempt]);

  const retry = useCallback(() => setAttempt((count) => count + 1), []);
  const hand = useCallback(
    (room: Room, address?: string) => {
      const next = address ?? target;
      if (next !== null) handed.current.set(next, room);
      if (address === undefined || address === target) setAttempt((count) => count + 1);
    },
    [target],
  );
  const current = answer?.target === target ? answer : null;
  return { room: current?.room ?? null, error: current?.error ?? null, pending: target !== null && !current, retry, hand };
}
