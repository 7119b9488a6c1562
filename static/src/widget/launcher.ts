// The button in the corner: all there is of the chat on a page where nobody has opened it. So it is made by hand, and
// what makes the rest is loaded when it is wanted.
import type { I18n } from "../i18n/i18n.ts";

const SVG = "http://www.w3.org/2000/svg";

/** A speech bubble with three dots in it, and what is there in its place while the chat is open. */
const SHAPES = {
  bubble: "M14 4C8 4 3.5 8 3.5 13c0 2.6 1.2 4.9 3.1 6.5L5.8 24l4.6-2.4c1.1.3 2.3.5 3.6.5 6 0 10.5-4 10.5-9S20 4 14 4Z",
  dots: "M9.5 13h.01M14 13h.01M18.5 13h.01",
  down: "m8 11.5 6 6 6-6",
};

/** Most that the badge says exactly. */
const COUNT_MAX = 99;

export interface LauncherState {
  readonly texts: I18n;
  readonly isOpen: boolean;
  /** Whether the chat is being loaded. */
  readonly isBusy: boolean;
  readonly unread: number;
}

/** Its name says how many messages are unread, which the badge shows. */
export class Launcher {
  readonly button = document.createElement("button");
  readonly #badge = document.createElement("span");

  /** `controls` is the id of what it opens. */
  constructor(controls: string, onClick: () => void) {
    const { button } = this;
    button.type = "button";
    button.className = "launcher";
    button.part.add("launcher");
    button.setAttribute("aria-controls", controls);
    button.addEventListener("click", onClick);
    this.#badge.className = "launcher-badge";
    this.#badge.part.add("badge");
    this.#badge.ariaHidden = "true";
    button.append(drawing(), this.#badge);
  }

  update({ texts, isOpen, isBusy, unread }: LauncherState): void {
    const open = unread > 0 ? texts.t("launcher.openUnread", { count: unread }) : texts.t("launcher.open");
    this.button.ariaLabel = isOpen ? texts.t("launcher.close") : open;
    this.button.ariaExpanded = String(isOpen);
    this.button.ariaBusy = String(isBusy);
    this.#badge.hidden = isOpen || unread === 0;
    this.#badge.textContent = unread > COUNT_MAX ? `${texts.number(COUNT_MAX)}+` : texts.number(unread);
  }
}

function drawing(): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 28 28");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("launcher-icon");
  for (const [name, shape] of Object.entries(SHAPES)) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    path.classList.add(`launcher-${name}`);
    svg.append(path);
  }
  return svg;
}
