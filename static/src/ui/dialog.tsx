import type { ComponentChildren, JSX } from "preact";
import { useId, useRef } from "preact/hooks";
import { Button, IconButton } from "./button.tsx";
import { useI18n } from "./context.ts";
import { useFocusTrap } from "./focus-trap.ts";

interface DialogProps {
  title: string;
  onClose: () => void;
  /** `alertdialog` for a question that has to be answered. */
  role?: "dialog" | "alertdialog";
  children: ComponentChildren;
}

/**
 * A modal dialog over the nearest positioned ancestor, which is a pane or the whole chat, never the host page. Escape
 * and a click beside it close it; the focus stays in it, and returns in the end.
 */
export function Dialog({ title, onClose, role = "dialog", children }: DialogProps): JSX.Element {
  const i18n = useI18n();
  const id = useId();
  const surface = useRef<HTMLDivElement>(null);
  useFocusTrap(surface);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    // What is around has an Escape of its own.
    event.preventDefault();
    event.stopPropagation();
    onClose();
  };
  return (
    <div class="dialog-backdrop" onClick={(event) => event.target === event.currentTarget && onClose()}>
      <div
        ref={surface}
        class="dialog"
        role={role}
        aria-modal="true"
        aria-labelledby={id}
        tabIndex={-1}
        onKeyDown={onKeyDown}
      >
        <header class="dialog-header">
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={i18n.t("common.close")} onClick={onClose} />
        </header>
        {children}
      </div>
    </div>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  /** What the button says that does it. */
  action: string;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something is taken away. */
export function Confirm({ title, text, action, onConfirm, onClose }: ConfirmProps): JSX.Element {
  const i18n = useI18n();
  const confirm = (): void => {
    onClose();
    onConfirm();
  };
  return (
    <Dialog title={title} role="alertdialog" onClose={onClose}>
      <p>{text}</p>
      <div class="dialog-actions">
        <Button autofocus onClick={onClose}>{i18n.t("common.cancel")}</Button>
        <Button kind="danger" onClick={confirm}>{action}</Button>
      </div>
    </Dialog>
  );
}
