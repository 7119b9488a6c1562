import type { Room, UserRef } from "parlour-client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useI18n } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import { lazyView } from "../lazy-view.ts";
import type { PeoplePopoverProps } from "./people-popover.tsx";
import { loadTools } from "./tools.ts";

interface PeopleProps {
  room: Room;
  onProfile?: ((user: UserRef) => void) | undefined;
}

const PeoplePopover = lazyView<PeoplePopoverProps>(() => loadTools().then((tools) => tools.PeoplePopover));

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

/** Those whom one may want to name in a room, without asking the server: the last who wrote, and who is there. */
export function* knownUsers(room: Room, me: UserRef | null): Generator<UserRef> {
  const authors = room.messages.slice(-200).reverse().map((message) => message.user);
  for (const user of [...authors, ...room.presence.users]) if (user.id !== me?.id) yield user;
}
