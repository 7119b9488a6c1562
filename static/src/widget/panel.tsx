// The chat itself: who the visitor is, what they see, and what the page is told of it.
import { ChatError } from "parlour-client";
import { render } from "preact";
import type { I18n } from "../i18n/i18n.ts";
import { adopt } from "../styles/sheets.ts";
import { prepareChunks } from "../ui/late.ts";
import { uiStyles } from "../ui/styles.ts";
import { countInTitle, playSound } from "./attention.ts";
import { fetchChunk } from "./chunks.ts";
import { Content } from "./content.tsx";
import { Feed } from "./feed.ts";
import { Frame } from "./frame.tsx";
import type { Identity } from "./identity.ts";
import { floats, type WidgetOptions } from "./options.ts";
import { acquire, release, type Session } from "./session.ts";
import type { Stage } from "./stage.ts";
import { loadTexts } from "./texts.ts";
import panelStyles from "./panel.css?inline";

prepareChunks(fetchChunk);

/** How long to wait before texts that could not be loaded are asked for again, in milliseconds. */
const RETRY_MS = 4000;

export class Panel {
  /** Settled when the identity that was there from the beginning has been taken, or refused. */
  readonly identified: Promise<void>;
  readonly #stage: Stage;
  readonly #content = document.createElement("div");
  readonly #endOfWatching: () => void;
  #session: Session;
  #feed: Feed;
  #endsOfSession: (() => void)[] = [];
  #i18n: I18n | null = null;
  #areTextsMissing = false;
  /** Whether it has been open: from then on the chat is kept as it is while it is closed. */
  #wasOpened = false;
  #takesFocus: boolean;
  #isRenderScheduled = false;
  #isOver = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  /** `takesFocus`: whether it does so when it is open already. */
  constructor(stage: Stage, identity: Identity | null, takesFocus: boolean) {
    this.#stage = stage;
    this.#takesFocus = takesFocus;
    adopt(stage.root, [...uiStyles, panelStyles]);
    this.#content.className = "parlour content";
    const { server, tenant } = stage.options;
    this.#session = acquire(server, tenant);
    this.#feed = this.#follow();
    const look = (): void => this.#look();
    document.addEventListener("visibilitychange", look);
    this.#endOfWatching = () => document.removeEventListener("visibilitychange", look);
    this.#session.keepsUnsent ||= stage.options.keepUnsent;
    this.identified = identity === null ? Promise.resolve() : this.#session.identify(identity, stage.isWaiting);
    // Nobody may be waiting; the page hears of a refusal by the session's event.
    this.identified.catch(() => {});
    this.#update();
  }

  /** The options were these before. */
  changed(before: WidgetOptions): void {
    const { server, tenant, room, navigation, locales } = this.#stage.options;
    const isOther = server !== before.server || tenant !== before.tenant;
    if (isOther || room !== before.room || navigation !== before.navigation) {
      this.#unfollow();
      if (isOther) {
        const session = acquire(server, tenant);
        release(this.#session);
        this.#session = session;
      }
      this.#feed = this.#follow();
      this.#stage.setUnread(this.#feed.unread);
    }
    if (this.#i18n && locales[0] !== before.locales[0]) this.#loadTexts();
    this.#takesFocus = true;
    this.#update();
  }

  /** @throws ChatError when the token is refused. */
  identify(identity: Identity): Promise<void> {
    return this.#session.identify(identity, this.#stage.isWaiting);
  }

  destroy(): void {
    this.#isOver = true;
    clearTimeout(this.#retryTimer);
    this.#endOfWatching();
    this.#unfollow();
    render(null, this.#content);
    render(null, this.#stage.views);
    countInTitle(this, 0);
    release(this.#session);
  }

  /** Brings everything to what the options say. */
  #update(): void {
    this.#session.keepsUnsent ||= this.#stage.options.keepUnsent;
    if (!this.#stage.isWaiting) {
      void this.#session.start();
      if (!this.#stage.options.isOpen) this.#feed.lookUp();
      else if (!this.#i18n) this.#loadTexts();
    }
    this.#look();
    this.#countInTitle();
    this.#scheduleRender();
  }

  /** Listens to the session, and to what happens in the rooms this element is about. */
  #follow(): Feed {
    const { room, navigation } = this.#stage.options;
    const feed = new Feed(this.#session, navigation === "room" ? room : undefined);
    this.#endsOfSession = [
      this.#session.on("change", () => this.#scheduleRender()),
      this.#session.on("error", (error) => this.#tellError(error)),
      feed.on("change", () => this.#update()),
      feed.on("unread", (count) => {
        this.#stage.setUnread(count);
        this.#countInTitle();
      }),
      feed.on("message", ({ room: { id: roomId }, message: { id, content, user } }) => {
        const { shareMessages, notify } = this.#stage.options;
        this.#stage.tell("message", { id, roomId, ...(shareMessages && { content, user }) });
        if (this.#isLooking) feed.seen();
        else if (notify.sound) playSound();
      }),
      () => feed.close(),
    ];
    return feed;
  }

  #unfollow(): void {
    for (const end of this.#endsOfSession) end();
  }

  get #isLooking(): boolean {
    return this.#stage.options.isOpen && !document.hidden;
  }

  #look(): void {
    if (this.#isLooking) this.#feed.seen();
  }

  #countInTitle(): void {
    countInTitle(this, this.#stage.options.notify.title ? this.#feed.unread : 0);
  }

  #tellError({ code, message }: ChatError): void {
    this.#stage.tell("error", { code, message });
  }

  #loadTexts(): void {
    clearTimeout(this.#retryTimer);
    const { locales } = this.#stage.options;
    loadTexts(locales).then(
      (i18n) => {
        // Only the texts that were asked for last are shown.
        if (this.#isOver || locales[0] !== this.#stage.options.locales[0]) return;
        this.#i18n = i18n;
        this.#areTextsMissing = false;
        this.#scheduleRender();
      },
      () => {
        if (this.#isOver) return;
        this.#areTextsMissing = true;
        this.#scheduleRender();
        this.#tellError(new ChatError("offline", "the texts could not be loaded"));
        this.#retryTimer = setTimeout(() => this.#loadTexts(), RETRY_MS);
      },
    );
  }

  #scheduleRender(): void {
    if (this.#isRenderScheduled) return;
    this.#isRenderScheduled = true;
    queueMicrotask(() => {
      this.#isRenderScheduled = false;
      if (!this.#isOver) this.#render();
    });
  }

  #render(): void {
    const { options, texts, isWaiting, launcher, root, views } = this.#stage;
    const { mode, theme, navigation, room, heading, isOpen } = options;
    const { direction, locale } = this.#i18n ?? texts;
    const onClose = floats(mode) ? () => this.#stage.close() : undefined;
    this.#content.dataset["theme"] = theme;
    this.#content.lang = locale;
    this.#content.dir = direction;
    render(
      <Frame
        mode={mode}
        label={heading ?? this.#session.tenant?.name ?? texts.t("launcher.label")}
        isOpen={isOpen}
        takesFocus={this.#takesFocus}
        launcher={launcher}
        content={this.#content}
        onClose={() => this.#stage.close()}
      />,
      views,
    );
    this.#wasOpened ||= isOpen;
    if (!this.#wasOpened) return;
    render(
      <Content
        session={this.#session}
        texts={texts}
        i18n={this.#i18n}
        areTextsMissing={this.#areTextsMissing}
        navigation={navigation}
        room={room}
        page={this.#feed.page}
        heading={heading}
        root={root}
        isWaiting={isWaiting}
        onStart={() => this.#stage.agree()}
        onClose={onClose}
      />,
      this.#content,
    );
  }
}
