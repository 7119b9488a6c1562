import type { ButtonHTMLAttributes, ComponentChildren, JSX, Ref } from "preact";
import { Icon, type IconName } from "./icons.tsx";

type Attributes = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "class" | "icon" | "label">;

interface ButtonProps extends Attributes {
  /** `primary` is what most people want here; `danger` takes something away. */
  kind?: "primary" | "plain" | "danger";
  icon?: IconName;
  children: ComponentChildren;
  ref?: Ref<HTMLButtonElement>;
}

/** A button with a text. */
export function Button({ kind = "plain", icon, children, ...attributes }: ButtonProps): JSX.Element {
  return (
    <button type="button" {...attributes} class={`button button-${kind}`}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Attributes {
  icon: IconName;
  /** Its name, shown on hover and said by screen readers. */
  label: string;
  class?: string;
  ref?: Ref<HTMLButtonElement>;
}

/** A button that is an icon; `aria-expanded`, `aria-pressed` and the like pass through. */
export function IconButton({ icon, label, class: extra, ...attributes }: IconButtonProps): JSX.Element {
  return (
    <button
      type="button"
      {...attributes}
      class={extra ? `icon-button ${extra}` : "icon-button"}
      aria-label={label}
      title={label}
    >
      <Icon name={icon} />
    </button>
  );
}
