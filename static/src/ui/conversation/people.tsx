import type { Room, UserRef } from "parlour-client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useI18n } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import { PeoplePopover } from "./people-popover.tsx";

interface PeopleProps {
  room: Room;
  onProfile?: ((user: UserRef) => void) | undefined;
}

/** How many people are in a room now, which opens who they are. */
export function People({ room, onProfile }: PeopleProps): JSX.Element | null {
  const i18n = useI18n();
  useEmitter(room, "presence");
  const [anchor, setAnchor] = useState<Element | null>(null);
  const { level, count } = room.presence;
  if (level === "off" || count === 0) return null;
  return (
    <>
      <button
        type="button"
        class="people-count"
        aria-haspopup="dialog"
        aria-expanded={anchor !== null}
        onClick={(event) => setAnchor(anchor ? null : event.currentTarget)}
      >
        {i18n.t(level === "exact" ? "conversation.present" : "conversation.present_about", { count })}
      </button>
      {anchor && (
        <PeoplePopover
          anchor={anchor}
          presence={room.presence}
          onProfile={onProfile}
          onClose={() => setAnchor(null)}
        />
      )}
    </>
  );
}
