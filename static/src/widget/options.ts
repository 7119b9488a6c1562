// What a site asks for, from the attributes of the element.

export const ATTRIBUTES = [
  "tenant",
  "room",
  "locale",
  "theme",
  "position",
  "mode",
  "open",
  "server",
  "navigation",
  "heading",
  "share-messages",
  "notify",
  "keep-unsent",
  "consent",
] as const;

export type Attribute = (typeof ATTRIBUTES)[number];

export function isAttribute(name: string): name is Attribute {
  return ATTRIBUTES.some((attribute) => attribute === name);
}

export type Theme = "auto" | "light" | "dark";
/** `bubble`: a button in the corner, and the chat above it; `panel`: the same, and the chat along the window's side;
 * `inline`: in the page, where the element stands; `page`: as large as the window. */
export type Mode = "bubble" | "panel" | "inline" | "page";
export type Position = "bottom-right" | "bottom-left" | "start" | "end";
export type Navigation = "room" | "full";

const THEMES = ["auto", "light", "dark"] as const;
const MODES = ["bubble", "panel", "inline", "page"] as const;
const POSITIONS = ["end", "start", "bottom-right", "bottom-left"] as const;
const NAVIGATIONS = ["room", "full"] as const;

export interface WidgetOptions {
  /** Base address of the server, with a slash at the end. */
  readonly server: string;
  /** Slug or public key; the server's default tenant when missing. */
  readonly tenant: string | undefined;
  /** Id or slug; `page` for the room of the page's address. */
  readonly room: string | undefined;
  /** Locales in the order they are wanted in. */
  readonly locales: readonly string[];
  readonly theme: Theme;
  readonly mode: Mode;
  readonly position: Position;
  readonly navigation: Navigation;
  /** What is part of the page always is. */
  readonly isOpen: boolean;
  readonly heading: string | undefined;
  /** The page may see what is written: events tell texts and authors too. */
  readonly shareMessages: boolean;
  /** How unread messages are told beside the badge. */
  readonly notify: { readonly title: boolean; readonly sound: boolean };
  /** Whether messages that wait to be sent are kept beyond the page's life, for who is signed in. */
  readonly keepUnsent: boolean;
  /** Nothing is asked of the server, and nothing read from or written to storage, before the visitor's click. */
  readonly consent: boolean;
}

/** Reads the options; what is missing or means nothing is the default. `base` is where the widget was loaded from. */
export function readOptions(element: Pick<Element, "getAttribute" | "hasAttribute">, base: string): WidgetOptions {
  const isOn = (name: Attribute) => element.hasAttribute(name) && element.getAttribute(name) !== "false";
  const text = (name: Attribute) => element.getAttribute(name)?.trim() || undefined;
  const room = text("room");
  const mode = oneOf(MODES, text("mode"));
  const notify = (text("notify") ?? "").split(/\s+/);
  return {
    server: address(text("server"), base),
    tenant: text("tenant"),
    room,
    locales: [text("locale"), document.documentElement.lang, ...navigator.languages].filter((locale) => !!locale) as string[],
    theme: oneOf(THEMES, text("theme")),
    mode,
    position: oneOf(POSITIONS, text("position")),
    navigation: room === undefined ? oneOf(["full", "room"], text("navigation")) : oneOf(NAVIGATIONS, text("navigation")),
    isOpen: !floats(mode) || isOn("open"),
    heading: text("heading"),
    shareMessages: isOn("share-messages"),
    notify: { title: notify.includes("title"), sound: notify.includes("sound") },
    keepUnsent: isOn("keep-unsent"),
    consent: text("consent") === "click",
  };
}

/** Whether it lies above the page, with a launcher, and can be closed. */
export function floats(mode: Mode): boolean {
  return mode === "bubble" || mode === "panel";
}

/** The side of the window, as the text runs, that a position is at. */
export function sideOf(position: Position, direction: "ltr" | "rtl"): "start" | "end" {
  if (position === "start" || position === "end") return position;
  return (position === "bottom-left") === (direction === "ltr") ? "start" : "end";
}

/** The value if it is one of these, else the first of them. */
function oneOf<Value extends string>(values: readonly [Value, ...Value[]], value: string | undefined): Value {
  return values.find((known) => known === value) ?? values[0];
}

function address(server: string | undefined, base: string): string {
  if (server === undefined) return base;
  try {
    const { origin, pathname, protocol } = new URL(server, base);
    return !/^https?:$/.test(protocol) ? base : `${origin}${pathname.replace(/\/*$/, "/")}`;
  } catch {
    return base;
  }
}
