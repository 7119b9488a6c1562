import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { renameGuest } from "parlour-client/accounts";
import { useChat, useI18n } from "../context.ts";
import { Dialog } from "../dialog.tsx";
import { TextField } from "../field.tsx";
import { fieldErrors } from "./form-errors.ts";
import { FormBody } from "./form-body.tsx";
import { useRequest } from "./use-request.ts";

/** Asks a guest for another name. */
export function RenameDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const { chat } = useChat();
  const i18n = useI18n();
  const request = useRequest();
  const [name, setName] = useState(chat.me?.name ?? "");

  async function rename(): Promise<void> {
    await renameGuest(chat, name.trim());
    onClose();
  }

  return (
    <Dialog title={i18n.t("session.rename")} onClose={onClose}>
      <FormBody request={request} action={rename} submit={i18n.t("session.save")}>
        <TextField
          label={i18n.t("session.name")}
          name="name"
          value={name}
          onValue={setName}
          errors={fieldErrors(i18n, request.error, "name")}
          input={{ autocomplete: "nickname", required: true, maxLength: 80, autofocus: true }}
        />
      </FormBody>
    </Dialog>
  );
}
