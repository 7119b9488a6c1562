import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { changePassword } from "parlour-client/accounts";
import { useChat, useI18n } from "../context.ts";
import { Dialog } from "../dialog.tsx";
import { fieldErrors } from "./form-errors.ts";
import { FormBody } from "./form-body.tsx";
import { PasswordField } from "./password-field.tsx";
import { useRequest } from "./use-request.ts";

/** Asks for the password one has and the one it is to be. */
export function PasswordDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const { chat, notify } = useChat();
  const i18n = useI18n();
  const request = useRequest();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");

  async function change(): Promise<void> {
    await changePassword(chat, current, next);
    notify(i18n.t("session.passwordChanged"));
    onClose();
  }

  return (
    <Dialog title={i18n.t("session.changePassword")} onClose={onClose}>
      <FormBody request={request} action={change} submit={i18n.t("session.save")}>
        {/* Which account it is: password managers need to know. */}
        <input class="visually-hidden" tabIndex={-1} aria-hidden="true" autocomplete="username" value={chat.me?.username} readOnly />
        <PasswordField
          label={i18n.t("session.currentPassword")}
          name="current-password"
          value={current}
          onValue={setCurrent}
          fresh={false}
          errors={fieldErrors(i18n, request.error, "current_password")}
        />
        <PasswordField
          label={i18n.t("session.newPassword")}
          name="new-password"
          value={next}
          onValue={setNext}
          fresh
          hint={i18n.t("session.passwordHint")}
          errors={fieldErrors(i18n, request.error, "new_password")}
        />
      </FormBody>
    </Dialog>
  );
}
