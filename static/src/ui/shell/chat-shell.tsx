// The chat as a whole: rooms, the open conversation, and what is open beside it.
import type { PageRoom, Room } from "parlour-client";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import { useEmitter, useStable } from "../hooks.ts";
import { late } from "../late.ts";
import { useLazy } from "../lazy.ts";
import type { MenuItem } from "../menu.tsx";
import { HOME, inRoom, roomAddress, useLocalNavigator, type Aside, type Navigator } from "./navigation.ts";
import type { PaneName } from "./pane-focus.ts";
import { RoomPane } from "./room-pane.tsx";
import { roomTitle } from "../room-title.ts";
import { useAttempt } from "./use-attempt.ts";
import { useRoom } from "./use-room.ts";

/** What the host of a shell (a widget's panel, the app's page) decides. */
export interface ChatShellProps {
  /** `full` has the list of rooms; `room` shows one room, and what leads away from it is left out. */
  navigation: "full" | "room";
  /** Id or slug of the room that is open at first, and again when this changes; a `navigator`'s place counts instead. */
  room?: string | undefined;
  /** The page whose room is shown in place of `room`, with `navigation` `room`; the room may not be there yet. */
  page?: ShellPage | undefined;
  /** Says the name above the list of rooms; the tenant's name when missing. */
  heading?: string | undefined;
  /** Where the places are kept; a memory of its own when missing. */
  navigator?: Navigator | undefined;
  /** What the menu of one's own account has beside what every account has. */
  menu?: readonly MenuItem[] | undefined;
  /** The panel can be closed: there is a button for it in the header of each pane. */
  onClose?: (() => void) | undefined;
}

/** A web page with a room of its own. */
export interface ShellPage {
  room: PageRoom;
  title: string;
}

/** What can be made anew, in a dialog of its own. */
export type Draft = "room" | "message";

const loadPanes = (): Promise<typeof import("./panes.ts")> => late("panes", () => import("./panes.ts"));

/** Rooms, conversation, thread: one, two or three panes, as wide as the container is. */
export function ChatShell(props: ChatShellProps): JSX.Element {
  const { navigation, heading, page, menu = [], onClose } = props;
  const { chat, notify } = useChat();
  const i18n = useI18n();
  const attempt = useAttempt();
  const root = useRef<HTMLDivElement>(null);
  const local = useLocalNavigator(props.room === undefined ? HOME : inRoom(props.room));
  const navigator = props.navigator ?? local;
  const { place } = navigator;
  const [draft, setDraft] = useState<Draft | null>(null);
  const full = navigation === "full";

  useChange(props.room, (room) => navigator.go(room === undefined ? HOME : inRoom(room)));

  const open = useRoom(chat, page ? page.room : place.room);
  const { room } = open;
  useEmitter(room, "info");
  const inMain = page !== undefined || place.room !== null || place.discover === true;
  const aside = room ? place.aside : null;
  const active: PaneName = aside ? "aside" : inMain || !full ? "main" : "list";
  const around = full || aside !== null;
  const panes = useLazy(loadPanes, around, root);
  const shown = `${place.room} ${place.discover === true} ${asideKey(place.aside)}`;
  const first = useRef(shown);

  useRemoval(room, () => {
    if (full) navigator.replace(HOME);
    if (room) notify(i18n.t("rooms.removed", { room: roomTitle(room.info) }));
  });

  const enter = (entered: Room): void => {
    const address = roomAddress(entered.info);
    open.hand(entered, address);
    setDraft(null);
    navigator.go(inRoom(address));
  };
  const message = (userId: string): void =>
    void attempt(async () => panes && enter(await panes.directMessage(chat, userId)));
  const back = (): void => navigator.back(HOME);
  const beside = (next: Aside): void => navigator.go({ ...place, aside: next });
  const closeAside = (): void => navigator.back({ ...place, aside: null });

  return (
    <div ref={root} class={`chat-shell chat-shell-${navigation}`} data-active={active}>
      <div class="shell-panes">
        {full && (
          <div class="shell-pane shell-list" data-pane="list">
            {panes && (
              <panes.RoomsPane
                heading={heading}
                open={room?.info.id ?? place.room}
                menu={menu}
                onOpen={(info) => navigator.go(inRoom(roomAddress(info)))}
                onDiscover={() => navigator.go({ ...HOME, discover: true })}
                onDraft={setDraft}
                onClose={onClose}
              />
            )}
          </div>
        )}
        <div class="shell-pane shell-main" data-pane="main">
          {page || place.room !== null ? (
            <RoomPane
              key={place.room}
              open={open}
              page={page}
              onBack={full ? back : undefined}
              onAside={beside}
              onClose={onClose}
            />
          ) : (
            panes && <panes.DiscoverPane chosen={place.discover === true} onBack={back} onEnter={enter} onDraft={setDraft} />
          )}
        </div>
        {aside && room && (
          <div
            class="shell-pane shell-aside"
            data-pane="aside"
            onKeyDown={(event) => {
              if (event.key !== "Escape" || event.defaultPrevented) return;
              event.preventDefault();
              closeAside();
            }}
          >
            {panes && (
              <panes.AsidePane
                key={asideKey(aside)}
                aside={aside}
                room={room}
                onBack={closeAside}
                onAside={beside}
                onMessage={full ? message : undefined}
                onLeft={full ? () => navigator.replace(HOME) : undefined}
              />
            )}
          </div>
        )}
      </div>
      {panes && <panes.PaneFocus shell={root} active={active} what={shown} first={first.current} ready={!open.pending} />}
      {panes && draft === "room" && <panes.NewRoomDialog onMade={enter} onClose={() => setDraft(null)} />}
      {panes && draft === "message" && (
        <panes.NewMessageDialog onChosen={(user) => message(user.id)} onClose={() => setDraft(null)} />
      )}
    </div>
  );
}

function asideKey(aside: Aside | null): string {
  if (!aside) return "";
  return aside.kind === "thread" ? aside.rootId : aside.kind === "person" ? aside.user.id : aside.kind;
}

/** Runs when a value is another one than at the last rendering; not at the first. */
function useChange<Value>(value: Value, run: (value: Value) => void): void {
  const stable = useStable(run);
  const last = useRef(value);
  useEffect(() => {
    if (last.current === value) return;
    last.current = value;
    stable(value);
  }, [value]);
}

/** Runs when the user is taken out of the open room, or the room is deleted. */
function useRemoval(room: Room | null, run: () => void): void {
  const stable = useStable(run);
  const { chat } = useChat();
  const id = room?.id;
  useEffect(() => chat.on("room_removed", (removed) => removed === id && stable()), [chat, id]);
}
