// <parlour-chat>: what a page holds in its hands.
import { adopt } from "../styles/sheets.ts";
import tokens from "../styles/tokens.css?inline";
import type { ChatEvents, EventName } from "./events.ts";
import { asIdentity, type Identity } from "./identity.ts";
import launcherStyles from "./launcher.css?inline";
import { ATTRIBUTES, isAttribute, type Theme } from "./options.ts";
import { Stage } from "./stage.ts";

/** Those that are in the page and not shut down. */
const alive = new Set<ParlourChat>();

/** How often all of a page was shut down; identities from before are nobody's any more. */
let shutDowns = 0;

/**
 * The chat as an element. Attributes say what it shows (`docs/widget.md`), and may change at any time. It tells of
 * what happens by the events `chat:ready`, `chat:open`, `chat:close`, `chat:message`, `chat:unread` and `chat:error`.
 */
export class ParlourChat extends HTMLElement {
  static readonly observedAttributes = ATTRIBUTES;

  readonly #root = this.attachShadow({ mode: "open" });
  #stage: Stage | null = null;
  /** Kept for when the element is put into the page, for the first time or once more. */
  #identity: Identity | null = null;
  #identifiedAfter = 0;
  #isShutDown = false;

  constructor() {
    super();
    adopt(this.#root, [tokens, launcherStyles]);
  }

  connectedCallback(): void {
    if (!this.#isShutDown) this.boot();
  }

  disconnectedCallback(): void {
    // Somebody who moves the element takes it out first; that is not the end.
    queueMicrotask(() => {
      if (!this.isConnected) this.#end();
    });
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before !== now && isAttribute(name)) this.#stage?.optionChanged(name);
  }

  /** Begins, again after {@link shutdown}. Being put into a page does it. */
  boot(): void {
    this.#isShutDown = false;
    if (!this.isConnected) return;
    alive.add(this);
    if (this.#identifiedAfter !== shutDowns) this.#identity = null;
    this.#stage ??= new Stage(this, this.#root, (name, detail) => this.#tell(name, detail), this.#identity);
  }

  /** {@link shutdown} of all that are in the page. */
  static shutDownAll(): void {
    shutDowns += 1;
    for (const element of alive) element.shutdown();
  }

  /**
   * The visitor is a user of the website: `source` is a token that its backend signed, or a function that fetches one,
   * which is asked again whenever one is about to end.
   *
   * @throws TypeError for anything else, ChatError when the token is refused; the visitor stays who they were then.
   */
  async identify(source: Identity): Promise<void> {
    const identity = asIdentity(source);
    // One that is refused is not kept; one that nobody can refuse yet is there when the element is put into the page.
    if (this.#stage) await this.#stage.identify(identity);
    this.#identity = identity;
    this.#identifiedAfter = shutDowns;
  }

  open(): void {
    this.setAttribute("open", "");
  }

  close(): void {
    this.removeAttribute("open");
  }

  toggle(): void {
    if (this.hasAttribute("open")) this.close();
    else this.open();
  }

  /** Undoes {@link hide}. */
  show(): void {
    this.hidden = false;
  }

  /** Nothing of the chat is to be seen, the launcher included. */
  hide(): void {
    this.hidden = true;
  }

  setTheme(theme: Theme): void {
    this.setAttribute("theme", theme);
  }

  setLocale(locale: string): void {
    this.setAttribute("locale", locale);
  }

  /** Calls the function with what the event tells. */
  on<Name extends EventName>(name: Name, listener: (event: CustomEvent<ChatEvents[Name]>) => void): void {
    this.addEventListener(`chat:${name}`, listener as EventListener);
  }

  off<Name extends EventName>(name: Name, listener: (event: CustomEvent<ChatEvents[Name]>) => void): void {
    this.removeEventListener(`chat:${name}`, listener as EventListener);
  }

  /** The visitor signs out: their chat is closed, and nothing of it stays in the page or in the browser. */
  shutdown(): void {
    this.#isShutDown = true;
    this.#identity = null;
    this.#stage?.forget();
    this.#end();
    this.close();
  }

  #end(): void {
    alive.delete(this);
    this.#stage?.destroy();
    this.#stage = null;
  }

  #tell<Name extends EventName>(name: Name, detail: ChatEvents[Name]): void {
    this.dispatchEvent(new CustomEvent(`chat:${name}`, { detail, bubbles: true, composed: true }));
  }
}
