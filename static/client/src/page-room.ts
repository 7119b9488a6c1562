import type { RoomInfo } from "./model.js";
import type { Parlour } from "./parlour.js";
import { asChatError } from "./refusals.js";
import { expected } from "./rest.js";
import type { Room } from "./room.js";
import { parseRoom } from "./wire.js";

/** A web page. */
export interface Page {
  /** Its canonical address. */
  url: string;
  /** What its room is called. */
  title: string;
}

/** The room of a web page, which exists from its first message on. */
export class PageRoom {
  readonly #chat: Parlour;
  readonly #page: Page;
  #room: Room | null = null;

  constructor(chat: Parlour, page: Page) {
    this.#chat = chat;
    this.#page = page;
  }

  /** The room, once it is opened; `null` until then. */
  get room(): Room | null {
    return this.#room;
  }

  /**
   * Joins the room, if there is one already.
   *
   * @throws {ChatError} `feature_disabled` where pages have no rooms
   */
  async open(): Promise<Room | null> {
    if (this.#room) return this.#room;
    try {
      const { data } = await this.#chat.rest.ask("GET", "/rooms/page", undefined, { url: this.#page.url });
      // There is none yet.
      if (data === null) return null;
      return await this.#join(expected(parseRoom(data)));
    } catch (error) {
      if (asChatError(error).status === 404) return null;
      throw error;
    }
  }

  /** Makes and joins the room if need be, and sends a message there. */
  async send(content: string): Promise<Room> {
    const room = this.#room ?? (await this.#join(await this.#make()));
    room.send(content);
    return room;
  }

  async #join(info: RoomInfo): Promise<Room> {
    const room = await this.#chat.joinKnown(info);
    this.#room ??= room;
    return this.#room;
  }

  async #make(): Promise<RoomInfo> {
    const { url, title } = this.#page;
    return expected(parseRoom((await this.#chat.rest.ask("POST", "/rooms/page", { url, title })).data));
  }
}
