// What of a visitor's chat one element is about, all of it or one room, and what happens there.
import { Emitter, type Message, type Parlour, type Room, type RoomInfo } from "parlour-client";
import { PageRoom } from "parlour-client/page-room";
import type { ShellPage } from "../ui/shell/chat-shell.tsx";
import { onNavigation, pageAddress } from "./page-address.ts";
import type { Session } from "./session.ts";

interface FeedEvents {
  /** Another visitor, or another page: what is shown has to be another one too. */
  change: void;
  message: { room: Room; message: Message };
  /** How many messages are unread. */
  unread: number;
}

/** The value of `room` that stands for the room of the page. */
const PAGE = "page";

export class Feed extends Emitter<FeedEvents> {
  readonly #session: Session;
  /** Id or slug of the one room there is; `undefined` for all. */
  readonly #room: string | undefined;
  readonly #ends: (() => void)[];
  #endsOfChat: (() => void)[] = [];
  #chat: Parlour | null = null;
  #lookedUp: Parlour | null = null;
  #page: ShellPage | undefined;
  #address = "";
  #told = 0;
  /** What came in rooms where the server keeps no mark for the visitor, who is no member. */
  readonly #unmarked = new Map<string, number>();

  /** `room`: the one room the element shows; `undefined` where it shows all. */
  constructor(session: Session, room: string | undefined) {
    super();
    this.#session = session;
    this.#room = room;
    this.#ends = [session.on("change", () => this.#follow())];
    if (room === PAGE) this.#ends.push(onNavigation(() => this.#follow()));
    this.#follow();
  }

  /** The page whose room is shown, if that is what is shown; it is the same object until the page is another one. */
  get page(): ShellPage | undefined {
    return this.#page;
  }

  get unread(): number {
    return this.#told;
  }

  /** Finds the room in the list of rooms, so that what is unread in it is known before it is opened. */
  lookUp(): void {
    const chat = this.#chat;
    if (!chat?.me || chat === this.#lookedUp || this.#room === undefined || this.#room === PAGE) return;
    this.#lookedUp = chat;
    chat.getRooms().catch(() => (this.#lookedUp = null));
  }

  /** The visitor is looking. */
  seen(): void {
    this.#unmarked.clear();
    this.#count();
  }

  /** Ends it; nothing is told any more. */
  close(): void {
    for (const end of [...this.#ends, ...this.#endsOfChat]) end();
    this.forgetListeners();
  }

  #follow(): void {
    const { chat } = this.#session;
    const isMoved = this.#room === PAGE && this.#address !== pageAddress();
    if (chat === this.#chat && !isMoved) return;
    this.#address = pageAddress();
    if (chat !== this.#chat) this.#listen(chat);
    this.#page = this.#room === PAGE && chat ? pageOf(chat, this.#address) : undefined;
    this.#unmarked.clear();
    this.#count();
    this.emit("change", undefined);
  }

  #listen(chat: Parlour | null): void {
    for (const end of this.#endsOfChat) end();
    this.#chat = chat;
    this.#endsOfChat = chat
      ? [
          chat.on("unread", () => this.#count()),
          chat.on("rooms", () => this.#count()),
          chat.on("message", ({ room, message }) => {
            if (!this.#concerns(room.info)) return;
            if (room.info.role === null) this.#unmarked.set(room.id, (this.#unmarked.get(room.id) ?? 0) + 1);
            this.emit("message", { room, message });
            this.#count();
          }),
        ]
      : [];
  }

  #concerns(info: RoomInfo): boolean {
    if (this.#room === PAGE) return this.#page?.room.room?.id === info.id;
    return this.#room === undefined || this.#room === info.id || this.#room === info.slug;
  }

  #count(): void {
    const marked =
      this.#room === undefined
        ? (this.#chat?.unreadTotal ?? 0)
        : (this.#chat?.rooms ?? []).filter(({ info }) => this.#concerns(info)).reduce((sum, { unread }) => sum + unread, 0);
    const count = [...this.#unmarked.values()].reduce((sum, unmarked) => sum + unmarked, marked);
    if (count === this.#told) return;
    this.#told = count;
    this.emit("unread", count);
  }
}

function pageOf(chat: Parlour, url: string): ShellPage {
  const title = document.title;
  return { room: new PageRoom(chat, { url, title }), title };
}
