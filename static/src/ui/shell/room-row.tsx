import type { RoomInfo, RoomSummary } from "parlour-client";
import type { JSX } from "preact";
import type { I18n } from "../../i18n/i18n.ts";
import { Avatar } from "../avatar.tsx";
import { useI18n } from "../context.ts";
import { Icon } from "../icons.tsx";
import { roomTitle } from "../room-title.ts";

interface RoomRowProps {
  room: RoomSummary;
  /** Whether it is the open one. */
  current: boolean;
  onOpen: (room: RoomInfo) => void;
}

/** One room in the list: its name, and how much is unread there. */
export function RoomRow({ room, current, onOpen }: RoomRowProps): JSX.Element {
  const i18n = useI18n();
  const { info, unread, mentions } = room;
  return (
    <button
      type="button"
      class={unread > 0 ? "room-row room-row-unread" : "room-row"}
      aria-current={current ? "page" : undefined}
      onClick={() => onOpen(info)}
    >
      {info.peer ? <Avatar user={info.peer} /> : <RoomGlyph room={info} />}
      <span class="room-title">
        <bdi>{roomTitle(info)}</bdi>
      </span>
      {mentions > 0 && <Badge kind="mention" text={`@${i18n.number(mentions)}`} said={i18n.t("rooms.mentions", { count: mentions })} />}
      {unread > 0 && <Badge kind="unread" text={capped(i18n, unread)} said={i18n.t("rooms.unread", { count: unread })} />}
    </button>
  );
}

/** A room's sign: a hash, or a lock for members only. */
export function RoomGlyph({ room }: { room: RoomInfo }): JSX.Element {
  return (
    <span class="room-glyph">
      <Icon name={room.kind === "private" ? "lock" : "hash"} />
    </span>
  );
}

function Badge({ kind, text, said }: { kind: "unread" | "mention"; text: string; said: string }): JSX.Element {
  return (
    <span class={`room-badge room-badge-${kind}`}>
      <span aria-hidden="true" dir="ltr">
        {text}
      </span>
      <span class="visually-hidden">, {said}</span>
    </span>
  );
}

/** Counts that nobody counts any more are cut short. */
function capped(i18n: I18n, count: number): string {
  return count > 99 ? `${i18n.number(99)}+` : i18n.number(count);
}
