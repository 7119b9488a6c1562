// One element's life on the page, from the moment it is put there until it is taken away: the launcher at first, and
// the chat itself as soon as somebody wants it.
import type { I18n } from "../i18n/i18n.ts";
import { fetchChunk } from "./chunks.ts";
import type { ChatEvents, EventName } from "./events.ts";
import type { Identity } from "./identity.ts";
import { Kept } from "./kept.ts";
import { Launcher } from "./launcher.ts";
import { launcherTexts } from "./launcher-texts.ts";
import { floats, readOptions, sideOf, type Attribute, type WidgetOptions } from "./options.ts";
import type { Panel } from "./panel.tsx";
import { fetchTexts } from "./texts.ts";

/** Where the server is whose chunk this is, unless an element names another one. */
const BASE = new URL(/* @vite-ignore */ "..", import.meta.url).href;

/** How long to wait before what could not be loaded is asked for again, in milliseconds. */
const RETRY_MS = 4000;

/** The id of what the launcher opens. */
export const DIALOG_ID = "chat-dialog";

type Tell = <Name extends EventName>(name: Name, detail: ChatEvents[Name]) => void;

export class Stage {
  readonly tell: Tell;
  /** Where the chat is drawn. */
  readonly views = document.createElement("div");
  readonly root: ShadowRoot;
  readonly #element: Element;
  readonly #box = document.createElement("div");
  readonly #launcher = new Launcher(DIALOG_ID, () => this.#clicked());
  readonly #notice = document.createElement("p");
  #options: WidgetOptions;
  #texts: I18n;
  #identity: Identity | null;
  #isAgreed = false;
  #unread = 0;
  #loading: Promise<Panel> | null = null;
  #panel: Panel | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #isBeginning = true;
  #isOver = false;

  /** `root` is what is filled; `identity` the website's word for who the visitor is. */
  constructor(element: Element, root: ShadowRoot, tell: Tell, identity: Identity | null) {
    this.#element = element;
    this.root = root;
    this.tell = tell;
    this.#identity = identity;
    this.#options = readOptions(element, BASE);
    this.#texts = launcherTexts(this.#options.locales);
    this.#notice.className = "launcher-notice";
    this.#notice.role = "status";
    this.views.className = "views";
    this.#launcher.button.addEventListener("pointerenter", () => this.#warmUp());
    this.#box.append(this.#launcher.button, this.#notice, this.views);
    root.append(this.#box);
    this.#show();
    this.#isBeginning = false;
    queueMicrotask(() => this.#begun());
  }

  get options(): WidgetOptions {
    return this.#options;
  }

  /** The texts that are always there. */
  get texts(): I18n {
    return this.#texts;
  }

  get launcher(): HTMLElement {
    return this.#launcher.button;
  }

  /** Whether nothing may be asked of the server, or looked up in storage, before the visitor's click. */
  get isWaiting(): boolean {
    return this.#options.consent && !this.#isAgreed;
  }

  /** An attribute is another one. */
  optionChanged(name: Attribute): void {
    const before = this.#options;
    this.#options = readOptions(this.#element, BASE);
    const { isOpen, locales } = this.#options;
    if (name === "locale") this.#texts = launcherTexts(locales);
    this.#show();
    this.#panel?.changed(before);
    if (isOpen !== before.isOpen && floats(this.#options.mode)) this.tell(isOpen ? "open" : "close", {});
  }

  /** The visitor asks for the chat by a click. */
  agree(): void {
    this.#isAgreed = true;
    this.#show();
    this.#panel?.changed(this.#options);
  }

  close(): void {
    this.#element.removeAttribute("open");
  }

  setUnread(count: number): void {
    if (count === this.#unread) return;
    this.#unread = count;
    this.#show();
    this.tell("unread", { count });
  }

  /**
   * The visitor is a user of the website from now on. Before the visitor's consent this is only remembered.
   *
   * @throws ChatError when the token is refused.
   */
  async identify(identity: Identity): Promise<void> {
    const isLoaded = this.#panel !== null;
    this.#identity = identity;
    if (this.isWaiting) return;
    const panel = await this.#load();
    await (isLoaded ? panel.identify(identity) : panel.identified);
  }

  /** Takes what is kept of the visitor out of the browser. */
  forget(): void {
    if (!this.isWaiting) new Kept(this.#options.server, this.#options.tenant).forget();
  }

  /** Nothing is left of it: no view, no listener, and no socket unless another element uses it too. */
  destroy(): void {
    this.#isOver = true;
    clearTimeout(this.#retryTimer);
    this.#panel?.destroy();
    this.#box.remove();
  }

  #begun(): void {
    if (this.#isOver) return;
    this.tell("ready", {});
    const { mode, isOpen } = this.#options;
    if (isOpen && floats(mode)) this.tell("open", {});
  }

  #clicked(): void {
    this.#isAgreed = true;
    this.#element.toggleAttribute("open", !this.#options.isOpen);
  }

  /** Shows everything as the options say, and loads the chat if it is wanted. */
  #show(): void {
    const { mode, position, theme, isOpen, server, tenant } = this.#options;
    const { direction, locale } = this.#texts;
    this.#box.className = "parlour stage";
    this.#box.lang = locale;
    this.#box.dir = direction;
    Object.assign(this.#box.dataset, { mode, theme, side: sideOf(position, direction) });
    this.#launcher.button.hidden = !floats(mode);
    const isKnown = (): boolean => this.#identity !== null || new Kept(server, tenant).isKnown;
    if (!this.#loading && (isOpen || (!this.isWaiting && isKnown()))) void this.#load();
    const isBusy = isOpen && !this.#panel;
    this.#launcher.update({ texts: this.#texts, isOpen, isBusy, unread: this.#unread });
  }

  /** Loads what will be needed with the next click. */
  #warmUp(): void {
    if (!this.isWaiting) fetchChunk("panel").catch(() => {});
  }

  /** The chat, as soon as it could be loaded; that is tried again until it works. */
  #load(): Promise<Panel> {
    return (this.#loading ??= new Promise((resolve) => {
      const takesFocus = !this.#isBeginning;
      const attempt = (): void => {
        // The texts are under way at the same time.
        if (this.#options.isOpen && !this.isWaiting) fetchTexts(this.#options.locales).catch(() => {});
        loadPanel().then(
          ({ Panel }) => {
            if (this.#isOver) return;
            this.#notice.textContent = "";
            this.#panel = new Panel(this, this.#identity, takesFocus);
            this.#show();
            resolve(this.#panel);
          },
          () => {
            if (this.#isOver) return;
            this.#notice.textContent = this.#options.isOpen ? this.#texts.t("launcher.notLoaded") : "";
            this.tell("error", { code: "offline", message: "the chat could not be loaded" });
            this.#retryTimer = setTimeout(attempt, RETRY_MS);
          },
        );
      };
      attempt();
    }));
  }
}

async function loadPanel(): Promise<typeof import("./panel.tsx")> {
  await fetchChunk("panel");
  return import("./panel.tsx");
}
