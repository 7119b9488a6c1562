// Public rooms one is not in yet; also what is there before a conversation is open.
import { displayName, type Room, type RoomInfo } from "parlour-client";
import { becomeMember } from "parlour-client/directory";
import type { JSX } from "preact";
import { Button, IconButton } from "../button.tsx";
import { useChat, useI18n } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import type { Draft } from "./chat-shell.tsx";
import { RoomGlyph } from "./room-row.tsx";
import { roomAddress } from "./navigation.ts";
import { mayCreateRooms, sections } from "./sections.ts";
import { useAttempt } from "./use-attempt.ts";

interface DiscoverPaneProps {
  /** Whether somebody asked for it; else it fills the place of a conversation, and greets. */
  chosen: boolean;
  onBack: () => void;
  /** A room was joined. */
  onEnter: (room: Room) => void;
  onDraft: (draft: Draft) => void;
}

export function DiscoverPane({ chosen, onBack, onEnter, onDraft }: DiscoverPaneProps): JSX.Element {
  const { chat, tenant } = useChat();
  const i18n = useI18n();
  const attempt = useAttempt();
  useEmitter(chat, "rooms", "identity");
  const { open } = sections(chat.rooms);
  const title = chosen || !chat.me ? i18n.t("rooms.discover") : i18n.t("rooms.hello", { name: displayName(chat.me) });

  async function join(info: RoomInfo): Promise<void> {
    const room = await chat.joinRoom(roomAddress(info));
    try {
      await becomeMember(room);
    } catch (error) {
      room.release();
      throw error;
    }
    onEnter(room);
  }

  return (
    <section class="discover" aria-label={title}>
      <header class="shell-header" part="header">
        {chosen && <IconButton class="shell-back" icon="back" label={i18n.t("common.back")} onClick={onBack} />}
        <h2 class="shell-title">{title}</h2>
      </header>
      <div class="discover-body">
        <p class="discover-lead">
          {open.length === 0 ? i18n.t("rooms.discoverNone") : i18n.t(chosen ? "rooms.discoverLead" : "rooms.pick")}
        </p>
        <ul class="discover-rooms">
          {open.map(({ info }) => (
            <li class="discover-room" key={info.id}>
              <RoomGlyph room={info} />
              <div class="discover-text">
                <h3>
                  <bdi>{info.name}</bdi>
                </h3>
                {info.description && <p>{info.description}</p>}
              </div>
              <Button onClick={() => void attempt(() => join(info))}>
                {i18n.t("rooms.join")}
                <span class="visually-hidden">{info.name}</span>
              </Button>
            </li>
          ))}
        </ul>
        <div class="discover-actions">
          {tenant.features.directMessages && (
            <Button icon="user" onClick={() => onDraft("message")}>
              {i18n.t("rooms.newMessage")}
            </Button>
          )}
          {mayCreateRooms(chat.me) && (
            <Button icon="plus" onClick={() => onDraft("room")}>
              {i18n.t("rooms.newRoom")}
            </Button>
          )}
        </div>
      </div>
    </section>
  );
}
