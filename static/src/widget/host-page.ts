// `window.chat`: the commands of a page, given before the widget was there or after, and the element they are about.
import { ParlourChat } from "./element.ts";
import { isEventName, type EventName } from "./events.ts";
import { asIdentity, type Identity } from "./identity.ts";
import { ATTRIBUTES, isAttribute } from "./options.ts";

interface Subscription {
  readonly name: EventName;
  readonly listener: (event: Event) => void;
}

type Command = (...args: readonly unknown[]) => void;

export class HostPage {
  #script: HTMLScriptElement;
  readonly #base: string;
  /** Attributes of the next element: what the script tag says, and commands since. */
  #attributes: Map<string, string | null>;
  #target: unknown;
  #element: ParlourChat | null = null;
  #identity: Identity | null = null;
  #subscriptions: Subscription[] = [];

  /** `base` is the server's address, from where the script was loaded. */
  constructor(script: HTMLScriptElement, base: string) {
    this.#script = script;
    this.#base = base;
    this.#attributes = this.#attributesOfScript();
    this.#target = script.dataset["target"];
  }

  /**
   * Makes the element of the script tag, runs the commands given so far, and then puts it into the page. None is made
   * where the tag says `data-manual`, or says nothing and the page has elements of its own.
   */
  begin(script: HTMLScriptElement, commands: readonly ArrayLike<unknown>[]): void {
    this.#script = script;
    const { dataset } = script;
    const isBare = Object.keys(dataset).length === 0 && document.querySelector("parlour-chat") !== null;
    if (!isBare && !("manual" in dataset)) this.#element ??= this.#make();
    for (const command of commands) this.run(...Array.from(command));
    if (this.#element && !this.#element.isConnected) this.#put(this.#element);
  }

  /** Runs one command. What makes no sense is said in the console, and never thrown at the page. */
  run(name?: unknown, ...args: readonly unknown[]): void {
    try {
      const command = typeof name === "string" && Object.hasOwn(this.#commands, name) ? this.#commands[name] : undefined;
      if (!command) throw new TypeError(`there is no command ${JSON.stringify(name)}`);
      command(...args);
    } catch (error) {
      warn(error);
    }
  }

  readonly #commands: Readonly<Record<string, Command>> = {
    boot: (options) => this.#boot(options),
    identify: (source) => {
      this.#identity = asIdentity(source);
      if (this.#element) identify(this.#element, this.#identity);
    },
    open: () => this.#set("open", true),
    close: () => this.#set("open", false),
    toggle: () => this.#set("open", !(this.#element?.hasAttribute("open") ?? this.#attributes.has("open"))),
    show: () => this.#set("hidden", false),
    hide: () => this.#set("hidden", true),
    setTheme: (theme) => this.#set("theme", theme),
    setLocale: (locale) => this.#set("locale", locale),
    on: (name, listener) => {
      const added = subscription(name, listener);
      this.#subscriptions.push(added);
      this.#element?.on(added.name, added.listener);
    },
    off: (name, listener) => {
      const ended = subscription(name, listener);
      this.#subscriptions = this.#subscriptions.filter((one) => one.name !== ended.name || one.listener !== ended.listener);
      this.#element?.off(ended.name, ended.listener);
    },
    shutdown: () => this.#shutDown(),
  };

  /** Puts an element into the page, or changes the one that is there. */
  #boot(options: unknown = {}): void {
    if (typeof options !== "object" || options === null) throw new TypeError("boot takes an object with options");
    for (const [key, value] of Object.entries(options)) {
      const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      if (name === "target") this.#target = value;
      else if (isAttribute(name)) this.#set(name, value);
      else warn(`boot has no option ${JSON.stringify(key)}`);
    }
    if (this.#element) return;
    this.#element = this.#make();
    this.#put(this.#element);
  }

  #shutDown(): void {
    ParlourChat.shutDownAll();
    this.#element?.remove();
    this.#element = null;
    this.#identity = null;
    this.#subscriptions = [];
    this.#attributes = this.#attributesOfScript();
    this.#target = this.#script.dataset["target"];
  }

  #attributesOfScript(): Map<string, string | null> {
    const attributes = new Map<string, string | null>([["server", this.#base]]);
    for (const name of ATTRIBUTES) {
      const value = this.#script.getAttribute(`data-${name}`);
      if (value !== null) attributes.set(name, value);
    }
    return attributes;
  }

  #set(name: string, value: unknown): void {
    const text = value === true ? "" : value === false || value === null || value === undefined ? null : String(value);
    if (this.#element) setAttribute(this.#element, name, text);
    else this.#attributes.set(name, text);
  }

  #make(): ParlourChat {
    const element = new ParlourChat();
    for (const [name, value] of this.#attributes) setAttribute(element, name, value);
    for (const { name, listener } of this.#subscriptions) element.on(name, listener);
    if (this.#identity !== null) identify(element, this.#identity);
    return element;
  }

  /** Into its target; one that is part of the page and has none, behind its script. */
  #put(element: ParlourChat): void {
    const target = typeof this.#target === "string" ? document.querySelector(this.#target) : this.#target;
    if (target instanceof Element) {
      target.append(element);
      return;
    }
    if (this.#target) warn(`there is no target ${JSON.stringify(this.#target)} in the page`);
    const mode = element.getAttribute("mode");
    // Beside the body, whose transforms, and whose replacement by the page's own scripts, do not concern it there.
    if (mode !== "inline" && mode !== "page") document.documentElement.append(element);
    else if (document.body.contains(this.#script)) this.#script.after(element);
    else document.body.append(element);
  }
}

function setAttribute(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** A refusal is told by the event `chat:error`; nobody waits for the answer of a command. */
function identify(element: ParlourChat, identity: Identity): void {
  element.identify(identity).catch(() => {});
}

/** The name may be the one of the DOM's event, too: `chat:open`. */
function subscription(given: unknown, listener: unknown): Subscription {
  const name = typeof given === "string" ? given.replace(/^chat:/, "") : given;
  if (!isEventName(name)) throw new TypeError(`there is no event ${JSON.stringify(given)}`);
  if (typeof listener !== "function") throw new TypeError("on and off take the name of an event and a function");
  return { name, listener: listener as Subscription["listener"] };
}

function warn(what: unknown): void {
  console.warn("parlour:", what instanceof Error ? what.message : what);
}
