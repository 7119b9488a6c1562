// Coming in without an account, under a name of one's choice.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { loginAsGuest } from "parlour-client/accounts";
import { useChat, useI18n } from "../context.ts";
import { TextField } from "../field.tsx";
import { fieldErrors } from "./form-errors.ts";
import { FormBody } from "./form-body.tsx";
import { useRequest } from "./use-request.ts";

/** A form for a guest's name. */
export function GuestForm(): JSX.Element {
  const { chat } = useChat();
  const i18n = useI18n();
  const request = useRequest();
  const [name, setName] = useState("");

  return (
    <FormBody
      request={request}
      action={async () => void (await loginAsGuest(chat, { name: name.trim() }))}
      submit={i18n.t("session.enter")}
    >
      <TextField
        label={i18n.t("session.name")}
        name="name"
        value={name}
        onValue={setName}
        hint={i18n.t("session.nameHint")}
        errors={fieldErrors(i18n, request.error, "name")}
        input={{ autocomplete: "nickname", required: true, maxLength: 80 }}
      />
    </FormBody>
  );
}
