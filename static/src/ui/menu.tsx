import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { focusedIn } from "./focus.ts";
import { Icon, type IconName } from "./icons.tsx";
import { Popover } from "./popover.tsx";

export interface MenuItem {
  label: string;
  icon?: IconName;
  danger?: boolean;
  /** Runs after the menu has closed, and the focus is where it was before. */
  onSelect: () => void;
}

interface MenuProps {
  anchor: Element;
  label: string;
  items: readonly MenuItem[];
  onClose: () => void;
}

/** A menu with the keys of one: arrows, Home, End, first letters, Escape. */
export function Menu({ anchor, label, items, onClose }: MenuProps): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = buttons.findIndex((button) => list.current && button === focusedIn(list.current));
    const target = destination(event.key, at, buttons.map((button) => button.textContent ?? ""));
    if (event.key === "Tab") onClose();
    if (target === null) return;
    event.preventDefault();
    buttons[target]?.focus();
  };
  return (
    <Popover anchor={anchor} label={label} role="menu" class="menu" onClose={onClose}>
      <div ref={list} role="none" onKeyDown={onKeyDown}>
        {items.map((item) => (
          <button
            key={item.label}
            type="button"
            role="menuitem"
            tabIndex={-1}
            class={item.danger ? "menu-item menu-item-danger" : "menu-item"}
            onClick={() => {
              onClose();
              queueMicrotask(item.onSelect);
            }}
          >
            {item.icon && <Icon name={item.icon} />}
            {item.label}
          </button>
        ))}
      </div>
    </Popover>
  );
}

/** The item that a key leads to from item `at`, null for a key that leads nowhere. */
function destination(key: string, at: number, labels: readonly string[]): number | null {
  const count = labels.length;
  if (key === "ArrowDown") return (at + 1) % count;
  if (key === "ArrowUp") return (at - 1 + count) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key.length !== 1 || key === " ") return null;
  const letter = key.toLocaleLowerCase();
  const starts = (label: string | undefined): boolean => label?.toLocaleLowerCase().startsWith(letter) ?? false;
  const step = labels.findIndex((_, index) => starts(labels[(at + 1 + index) % count]));
  return step === -1 ? null : (at + 1 + step) % count;
}

interface MenuButtonProps {
  icon?: IconName;
  label: string;
  items: readonly MenuItem[];
}

/** A button that opens a menu. */
export function MenuButton({ icon = "more", label, items }: MenuButtonProps): JSX.Element {
  const [anchor, setAnchor] = useState<Element | null>(null);
  return (
    <>
      <IconButton
        icon={icon}
        label={label}
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        onClick={(event) => setAnchor(anchor ? null : event.currentTarget)}
      />
      {anchor && <Menu anchor={anchor} label={label} items={items} onClose={() => setAnchor(null)} />}
    </>
  );
}
