import type { HTMLAttributes } from "preact";
import { useRef } from "preact/hooks";

/** This long a finger rests on a message to point at it, in milliseconds. */
const LONG_PRESS_MS = 450;

/** Handlers that call `onPress` for a finger that rests. */
export function useLongPress(onPress: (target: EventTarget | null) => void): HTMLAttributes<HTMLDivElement> {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const end = (): void => clearTimeout(timer.current);
  return {
    onPointerDown: (event) => {
      if (event.pointerType === "mouse") return;
      end();
      // Asked for later it would be the shadow root's host.
      const { target } = event;
      timer.current = setTimeout(() => onPress(target), LONG_PRESS_MS);
    },
    onPointerUp: end,
    onPointerMove: (event) => Math.hypot(event.movementX, event.movementY) > 3 && end(),
    onPointerCancel: end,
    onClick: (event) => onPress(event.target),
  };
}
