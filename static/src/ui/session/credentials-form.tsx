// Signing in and registering: the same two fields, named so that password managers know which of the two it is.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { login, register } from "parlour-client/accounts";
import { useChat, useI18n } from "../context.ts";
import { TextField } from "../field.tsx";
import { fieldErrors } from "./form-errors.ts";
import { FormBody } from "./form-body.tsx";
import { PasswordField } from "./password-field.tsx";
import { useRequest } from "./use-request.ts";

/** A form for an account of the tenant, an old or a new one. */
export function CredentialsForm({ mode }: { mode: "sign-in" | "register" }): JSX.Element {
  const { chat } = useChat();
  const i18n = useI18n();
  const request = useRequest();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const registering = mode === "register";

  async function submit(): Promise<void> {
    await (registering ? register : login)(chat, username.trim(), password);
  }

  return (
    <FormBody
      request={request}
      action={submit}
      submit={i18n.t(registering ? "session.register" : "session.signIn")}
      refusals={{ invalid_credentials: i18n.t("session.wrongPassword") }}
    >
      <TextField
        label={i18n.t("session.username")}
        name="username"
        value={username}
        onValue={setUsername}
        {...(registering ? { hint: i18n.t("session.usernameHint") } : {})}
        errors={fieldErrors(i18n, request.error, "username")}
        input={{ autocomplete: "username", autocapitalize: "none", spellcheck: false, required: true, maxLength: 32 }}
      />
      <PasswordField
        label={i18n.t("session.password")}
        name="password"
        value={password}
        onValue={setPassword}
        fresh={registering}
        {...(registering ? { hint: i18n.t("session.passwordHint") } : {})}
        errors={fieldErrors(i18n, request.error, "password")}
      />
    </FormBody>
  );
}
