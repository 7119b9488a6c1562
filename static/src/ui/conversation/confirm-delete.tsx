import type { JSX } from "preact";
import { useI18n } from "../context.ts";
import { Confirm } from "../dialog.tsx";

export interface ConfirmDeleteProps {
  onSettle: (confirmed: boolean) => void;
}

/** Asks whether a message is to be deleted. */
export function ConfirmDelete({ onSettle }: ConfirmDeleteProps): JSX.Element {
  const i18n = useI18n();
  return (
    <Confirm
      title={i18n.t("message.delete_title")}
      text={i18n.t("message.delete_text")}
      action={i18n.t("message.delete")}
      onConfirm={() => onSettle(true)}
      onClose={() => onSettle(false)}
    />
  );
}
