import { displayName, type PresenceInfo, type UserRef } from "parlour-client";
import type { JSX } from "preact";
import { Avatar } from "../avatar.tsx";
import { useI18n } from "../context.ts";
import { Popover } from "../popover.tsx";

interface PeoplePopoverProps {
  anchor: Element;
  presence: PresenceInfo;
  onProfile: ((user: UserRef) => void) | undefined;
  onClose: () => void;
}

/** Who is in a room, and how many more there are than are told. */
export function PeoplePopover({ anchor, presence, onProfile, onClose }: PeoplePopoverProps): JSX.Element {
  const i18n = useI18n();
  const { count, users } = presence;
  const choose = (user: UserRef): void => {
    onClose();
    onProfile?.(user);
  };
  return (
    <Popover anchor={anchor} label={i18n.t("conversation.people")} class="people" onClose={onClose}>
      <ul tabIndex={0} aria-label={i18n.t("conversation.people")}>
        {users.map((user) => (
          <li key={user.id}>
            {onProfile ? (
              <button type="button" class="menu-item" onClick={() => choose(user)}><Person user={user} /></button>
            ) : (
              <span class="menu-item"><Person user={user} /></span>
            )}
          </li>
        ))}
      </ul>
      {count > users.length && (
        <p class="people-rest">{i18n.t("conversation.present_more", { count: count - users.length })}</p>
      )}
    </Popover>
  );
}

function Person({ user }: { user: UserRef }): JSX.Element {
  return (
    <>
      <Avatar user={user} online />
      <span>{displayName(user)}</span>
    </>
  );
}
