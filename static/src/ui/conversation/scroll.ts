/** At most this many pixels from its end, a list follows what comes. */
export const END_PX = 40;

/** A row, and how many pixels its top is below that of the view. */
interface Anchor {
  readonly row: Element;
  readonly offset: number;
}

/**
 * Keeps what somebody reads where it is while rows come and go above it, or change their height. Browsers have
 * `overflow-anchor` for that, but not all of them, and not at the very top: it is turned off, and done here.
 */
export class ScrollKeeper {
  #scroller: HTMLElement;
  #list: HTMLElement;
  #anchor: Anchor | null = null;
  /** How high list and view were when the end was last gone to. */
  #heights = "";

  constructor(scroller: HTMLElement, list: HTMLElement) {
    this.#scroller = scroller;
    this.#list = list;
  }

  /** Pixels from the end of the list. */
  get distance(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  /** Remembers what is in view; to be called before the rows change. */
  capture(): void {
    const top = this.#scroller.getBoundingClientRect().top;
    let row = firstBelow(this.#list.children, top);
    // A day may go when an earlier message of it comes; messages stay.
    while (row && !row.matches("[data-key]") && row.nextElementSibling) row = row.nextElementSibling;
    this.#anchor = row && { row, offset: row.getBoundingClientRect().top - top };
  }

  /** Puts what was in view back to its place. */
  restore(): void {
    if (!this.#anchor?.row.isConnected) return;
    const top = this.#scroller.getBoundingClientRect().top;
    this.#scroller.scrollTop += this.#anchor.row.getBoundingClientRect().top - top - this.#anchor.offset;
  }

  /** Whether list or view have another height since {@link toEnd}, so that the end is elsewhere. */
  get resized(): boolean {
    return this.#heights !== this.#measure();
  }

  toEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#heights = this.#measure();
  }

  #measure(): string {
    const { scrollHeight, clientHeight } = this.#scroller;
    return `${scrollHeight} ${clientHeight}`;
  }

  /** Brings a row into view, with its middle `part` of the way down. */
  reveal(row: Element, part: number): void {
    const view = this.#scroller.getBoundingClientRect();
    const at = row.getBoundingClientRect();
    this.#scroller.scrollTop += at.top + at.height / 2 - view.top - view.height * part;
    this.capture();
  }
}

/** The first of these rows, which are one below the other, that ends below `top`; the last if there is none. */
function firstBelow(rows: HTMLCollection, top: number): Element | null {
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.getBoundingClientRect().bottom ?? 0) > top) high = middle;
    else low = middle + 1;
  }
  return rows[low] ?? null;
}
