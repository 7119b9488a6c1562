import { displayName, type UserRef } from "parlour-client";
import type { JSX } from "preact";
import { Avatar } from "../avatar.tsx";

interface PersonRowProps {
  user: UserRef;
  /** How they are called here; their name when missing. */
  name?: string;
  /** A word about them. */
  tag?: string;
  onChoose: (user: UserRef) => void;
}

/** Somebody in a list of people. */
export function PersonRow({ user, name = displayName(user), tag, onChoose }: PersonRowProps): JSX.Element {
  return (
    <button type="button" class="person-row" onClick={() => onChoose(user)}>
      <Avatar user={user} />
      <span class="person-names">
        <span class="person-name">
          <bdi>{name}</bdi>
        </span>
        {user.name && <bdi class="person-username">@{user.username}</bdi>}
      </span>
      {tag && <span class="tag">{tag}</span>}
    </button>
  );
}
