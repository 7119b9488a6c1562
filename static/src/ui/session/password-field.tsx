// A password that can be looked at while it is typed.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";
import { TextField, type TextFieldProps } from "../field.tsx";

export interface PasswordFieldProps extends Omit<TextFieldProps, "input" | "end"> {
  /** A password that is being chosen, which managers offer to make up; else one that there is. */
  fresh: boolean;
}

export function PasswordField({ fresh, ...field }: PasswordFieldProps): JSX.Element {
  const i18n = useI18n();
  const [shown, setShown] = useState(false);
  return (
    <TextField
      {...field}
      input={{
        ...(shown ? { type: "text" } : { type: "password" }),
        autocomplete: fresh ? "new-password" : "current-password",
        autocapitalize: "none",
        spellcheck: false,
        required: true,
      }}
      end={
        <IconButton
          icon={shown ? "eyeOff" : "eye"}
          label={i18n.t("session.showPassword")}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        />
      }
    />
  );
}
