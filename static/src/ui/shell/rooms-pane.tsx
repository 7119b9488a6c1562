// The list of rooms and direct conversations, with what is unread in them.
import type { RoomInfo, RoomSummary } from "parlour-client";
import type { JSX } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { IconButton } from "../button.tsx";
import { useChat, useI18n } from "../context.ts";
import { ConnectionBanner } from "../conversation/banner.tsx";
import { useEmitter } from "../hooks.ts";
import { Icon } from "../icons.tsx";
import { MenuButton, type MenuItem } from "../menu.tsx";
import type { Draft } from "./chat-shell.tsx";
import { ProfileMenu } from "./profile-menu.tsx";
import { RoomRow } from "./room-row.tsx";
import { mayCreateRooms, sections } from "./sections.ts";
import { useAttempt } from "./use-attempt.ts";

interface RoomsPaneProps {
  heading: string | undefined;
  /** Id or address of the room that is open. */
  open: string | null;
  menu: readonly MenuItem[];
  onOpen: (room: RoomInfo) => void;
  onDiscover: () => void;
  onDraft: (draft: Draft) => void;
  onClose: (() => void) | undefined;
}

export function RoomsPane({ heading, open, menu, onOpen, onDiscover, onDraft, onClose }: RoomsPaneProps): JSX.Element {
  const { chat, tenant } = useChat();
  const i18n = useI18n();
  const attempt = useAttempt();
  const [filter, setFilter] = useState("");
  useEmitter(chat, "rooms", "unread");
  useEffect(() => void attempt(() => chat.getRooms()), [chat]);

  const shown = sections(chat.rooms, filter);
  const own = [...shown.rooms, ...shown.direct];
  // Who is in no room yet is shown where to begin.
  const offered = filter || own.length === 0 ? shown.open : [];
  const found = [...own, ...offered];
  const [first] = found;
  const choose = (room: RoomInfo): void => {
    setFilter("");
    onOpen(room);
  };
  const section = (title: string, rooms: readonly RoomSummary[], kind = ""): JSX.Element | null =>
    rooms.length === 0 ? null : <RoomSection title={title} kind={kind} rooms={rooms} open={open} onOpen={choose} />;
  return (
    <div class="rooms">
      <header class="shell-header" part="header">
        <h2 class="shell-title">{heading ?? tenant.name}</h2>
        <MenuButton
          icon="plus"
          label={i18n.t("rooms.start")}
          items={[
            ...(tenant.features.directMessages
              ? [{ label: i18n.t("rooms.newMessage"), icon: "user" as const, onSelect: () => onDraft("message") }]
              : []),
            ...(mayCreateRooms(chat.me)
              ? [{ label: i18n.t("rooms.newRoom"), icon: "hash" as const, onSelect: () => onDraft("room") }]
              : []),
            { label: i18n.t("rooms.discover"), icon: "compass", onSelect: onDiscover },
          ]}
        />
        {onClose && <IconButton icon="close" label={i18n.t("common.close")} onClick={onClose} />}
      </header>
      <ConnectionBanner />
      <div class="rooms-filter">
        <Icon name="search" />
        <input
          type="search"
          aria-label={i18n.t("rooms.filter")}
          placeholder={i18n.t("rooms.filter")}
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && first && filter.trim() && !event.isComposing) choose(first.info);
          }}
        />
      </div>
      <nav class="rooms-list" aria-label={i18n.t("rooms.title")}>
        {section(i18n.t("rooms.sectionRooms"), shown.rooms)}
        {section(i18n.t("rooms.sectionDirect"), shown.direct)}
        {section(i18n.t("rooms.sectionOpen"), offered, filter ? "" : "rooms-offered")}
        {found.length === 0 && (
          <p class="rooms-none" role="status">
            {filter ? i18n.t("rooms.noMatch", { text: filter.trim() }) : i18n.t("rooms.empty")}
          </p>
        )}
        {!filter && (
          <button type="button" class="room-row rooms-discover" onClick={onDiscover}>
            <span class="room-glyph">
              <Icon name="compass" />
            </span>
            <span class="room-title">{i18n.t("rooms.discover")}</span>
          </button>
        )}
      </nav>
      <ProfileMenu items={menu} />
    </div>
  );
}

interface RoomSectionProps {
  title: string;
  /** A further class. */
  kind: string;
  rooms: readonly RoomSummary[];
  open: string | null;
  onOpen: (room: RoomInfo) => void;
}

function RoomSection({ title, kind, rooms, open, onOpen }: RoomSectionProps): JSX.Element {
  const id = useId();
  return (
    <section class={`rooms-section ${kind}`} aria-labelledby={id}>
      <h3 class="rooms-heading" id={id}>
        {title}
      </h3>
      <ul>
        {rooms.map((room) => (
          <li key={room.info.id}>
            <RoomRow room={room} current={open !== null && (open === room.info.id || open === room.info.slug)} onOpen={onOpen} />
          </li>
        ))}
      </ul>
    </section>
  );
}
