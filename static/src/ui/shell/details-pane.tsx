// What a room is, who is in it, and the way out of it.
import { ChatError, displayName, type Member, type Room, type UserRef } from "parlour-client";
import { becomeMember, endMembership, getMembers } from "parlour-client/directory";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button, IconButton } from "../button.tsx";
import { useChat, useI18n } from "../context.ts";
import { Confirm } from "../dialog.tsx";
import { errorText } from "../errors.ts";
import { useEmitter } from "../hooks.ts";
import { PersonRow } from "./person-row.tsx";
import { roomTitle } from "../room-title.ts";
import { useAttempt } from "./use-attempt.ts";

interface DetailsPaneProps {
  room: Room;
  onBack: () => void;
  onPerson: (user: UserRef) => void;
  /** After leaving the room; missing where there is nowhere else to be. */
  onLeft: (() => void) | undefined;
}

export function DetailsPane({ room, onBack, onPerson, onLeft }: DetailsPaneProps): JSX.Element {
  const i18n = useI18n();
  const attempt = useAttempt();
  const [leaving, setLeaving] = useState(false);
  useEmitter(room, "info");
  const { info } = room;
  const direct = info.kind === "dm";
  const dates = new Intl.DateTimeFormat(i18n.locale, { dateStyle: "long" });
  const title = i18n.t("rooms.about");

  return (
    <section class="details" aria-label={title}>
      <header class="shell-header" part="header">
        <h2 class="shell-title">{title}</h2>
        <IconButton icon="close" label={i18n.t("common.close")} onClick={onBack} />
      </header>
      <div class="details-body">
        <div class="details-room">
          <h3>
            <bdi>{roomTitle(info)}</bdi>
          </h3>
          {info.description && <p dir="auto">{info.description}</p>}
          <p class="details-since">{i18n.t("rooms.since", { date: dates.format(new Date(info.insertedAt)) })}</p>
        </div>
        <Members room={room} onPerson={onPerson} />
        {!direct && (
          <div class="details-actions">
            {info.role === null ? (
              <Button kind="primary" onClick={() => void attempt(() => becomeMember(room))}>
                {i18n.t("rooms.join")}
              </Button>
            ) : (
              onLeft && (
                <Button kind="danger" icon="leave" onClick={() => setLeaving(true)}>
                  {i18n.t("rooms.leave")}
                </Button>
              )
            )}
          </div>
        )}
      </div>
      {leaving && (
        <Confirm
          title={i18n.t("rooms.leaveQuestion", { room: roomTitle(info) })}
          text={i18n.t(info.kind === "private" ? "rooms.leavePrivate" : "rooms.leavePublic")}
          action={i18n.t("rooms.leave")}
          onConfirm={() =>
            void attempt(async () => {
              await endMembership(room);
              onLeft?.();
            })
          }
          onClose={() => setLeaving(false)}
        />
      )}
    </section>
  );
}

function Members({ room, onPerson }: { room: Room; onPerson: (user: UserRef) => void }): JSX.Element {
  const { chat } = useChat();
  const i18n = useI18n();
  const [members, setMembers] = useState<readonly Member[] | ChatError | null>(null);
  const { role } = room.info;
  useEffect(() => {
    let wanted = true;
    const settle = (answer: readonly Member[] | ChatError): void => {
      if (wanted) setMembers(answer);
    };
    getMembers(room).then(settle, settle);
    return () => void (wanted = false);
  }, [room, role]);

  if (members instanceof ChatError) return <p class="details-none">{errorText(i18n, members)}</p>;
  if (members === null) return <p class="details-none">{i18n.t("common.loading")}</p>;
  return (
    <section class="details-members">
      <h3 class="rooms-heading">{i18n.t("rooms.members", { count: members.length })}</h3>
      <ul>
        {members.map(({ user, role: theirs }) => (
          <li key={user.id}>
            <PersonRow
              user={user}
              name={user.id === chat.me?.id ? i18n.t("rooms.you", { name: displayName(user) }) : displayName(user)}
              {...(theirs !== "member" && room.info.kind !== "dm" ? { tag: i18n.t(`rooms.${theirs}`) } : {})}
              onChoose={onPerson}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}
