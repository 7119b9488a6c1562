import { displayName, type UserRef } from "parlour-client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";

const HUES = 12;

interface AvatarProps {
  user: UserRef;
  /** Whether a dot says that the user is here; nothing is said when it is not known. */
  online?: boolean | undefined;
}

/** The user's picture, else initials on a colour that is always the user's. Beside a name: not said by itself. */
export function Avatar({ user, online }: AvatarProps): JSX.Element {
  const [broken, setBroken] = useState<string>();
  const picture = user.avatarUrl !== broken ? user.avatarUrl : undefined;
  return (
    <span class={`avatar avatar-${hue(user.id)}`} aria-hidden="true">
      {picture ? (
        <img src={picture} alt="" loading="lazy" referrerpolicy="no-referrer" onError={() => setBroken(picture)} />
      ) : (
        initials(displayName(user))
      )}
      {online && <span class="avatar-online" />}
    </span>
  );
}

/** One of the colours, the same for an id everywhere. */
export function hue(id: string): number {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return hash % HUES;
}

/** Two letters at most: of the first and the last word, or the first letter of a single one. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toLocaleUpperCase();
}
