import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { useI18n } from "../context.ts";
import { focusedIn } from "../focus.ts";
import { emojiGroups, searchEmoji, type Emoji } from "./search.ts";

export interface EmojiPickerProps {
  onChoose: (glyph: string) => void;
}

const FOUND_MAX = 64;

/** All emoji in a grid, with a search above it. Arrows go through the grid, which Tab enters once. */
export function EmojiPicker({ onChoose }: EmojiPickerProps): JSX.Element {
  const i18n = useI18n();
  const [text, setText] = useState("");
  const grid = useRef<HTMLDivElement>(null);
  const groups = useMemo(() => emojiGroups(i18n.locale), [i18n]);
  const found = useMemo(() => (text.trim() === "" ? null : find(text, groups)), [text, groups]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const all = [...(grid.current?.querySelectorAll("button") ?? [])];
    const now = grid.current && focusedIn(grid.current);
    const at = all.findIndex((button) => button === now);
    const first = event.key === "ArrowDown" ? all[0] : undefined;
    const target = at === -1 ? first : neighbour(all, at, event.key, i18n.direction);
    if (!target) return;
    event.preventDefault();
    if (now instanceof HTMLElement && at !== -1) now.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  };
  const cells = (emoji: readonly Emoji[], firstTabs: boolean): JSX.Element[] =>
    emoji.map(({ glyph, name }, index) => (
      <button
        key={glyph}
        type="button"
        class="emoji"
        tabIndex={firstTabs && index === 0 ? 0 : -1}
        aria-label={name.replaceAll("_", " ")}
        title={name.replaceAll("_", " ")}
        onClick={() => onChoose(glyph)}
      >
        {glyph}
      </button>
    ));

  return (
    <div class="emoji-picker" onKeyDown={onKeyDown}>
      <input
        class="emoji-search"
        type="search"
        value={text}
        placeholder={i18n.t("emoji.search")}
        aria-label={i18n.t("emoji.search")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          const first = found?.[0];
          if (event.key !== "Enter" || event.isComposing || !first) return;
          event.preventDefault();
          onChoose(first.glyph);
        }}
        ref={focusOnce}
      />
      <div ref={grid} class="emoji-groups">
        {found ? (
          <>
            {found.length === 0 && <p class="emoji-none" role="status">{i18n.t("emoji.none")}</p>}
            <div class="emoji-grid">{cells(found, true)}</div>
          </>
        ) : (
          groups.map(({ group, emoji }, index) => (
            <section key={group} aria-label={i18n.t(`emoji.${group}`)}>
              <h3>{i18n.t(`emoji.${group}`)}</h3>
              <div class="emoji-grid">{cells(emoji, index === 0)}</div>
            </section>
          ))
        )}
      </div>
    </div>
  );
}

/**
 * The field comes when the chunk is there, which is after its popover gave the focus to something. Under a finger it is
 * left alone: a keyboard would cover what is to be chosen from.
 */
function focusOnce(field: HTMLInputElement | null): void {
  if (matchMedia("(pointer: fine)").matches) field?.focus();
}

/** Names of regions are in the reader's language, and looked for in it. */
function find(text: string, groups: ReturnType<typeof emojiGroups>): readonly Emoji[] {
  const query = text.trim().toLocaleLowerCase();
  const flags = groups.at(-1)?.emoji.filter(({ name }) => name.toLocaleLowerCase().startsWith(query)) ?? [];
  return [...searchEmoji(text, FOUND_MAX), ...flags];
}

/** The cell that a key leads to: beside this one, or the nearest one in the next row of cells. */
function neighbour(
  all: readonly HTMLElement[],
  at: number,
  key: string,
  direction: "ltr" | "rtl",
): HTMLElement | undefined {
  const forward = direction === "ltr" ? "ArrowRight" : "ArrowLeft";
  const back = direction === "ltr" ? "ArrowLeft" : "ArrowRight";
  if (key === forward) return all[at + 1];
  if (key === back) return all[at - 1];
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
  const from = all[at]?.getBoundingClientRect();
  const further = key === "ArrowDown" ? all.slice(at + 1) : all.slice(0, at).reverse();
  const boxes = further.map((cell) => ({ cell, box: cell.getBoundingClientRect() }));
  const rows = boxes.filter(({ box }) => box.top !== from?.top);
  const top = rows[0]?.box.top;
  const distance = (box: DOMRect): number => Math.abs(box.left - (from?.left ?? 0));
  const row = rows.filter(({ box }) => box.top === top);
  return row.sort((one, other) => distance(one.box) - distance(other.box))[0]?.cell;
}
