import type { JSX, TextareaHTMLAttributes } from "preact";
import { useId } from "preact/hooks";
import type { I18n } from "../i18n/i18n.ts";
import { Button } from "../ui/button.tsx";
import { useI18n } from "../ui/context.ts";
import { TextField } from "../ui/field.tsx";
import type { Question } from "./examine.ts";

/** What is entered; the server is the one that the page is from. */
export type Entered = Omit<Question, "server">;

/** Fields for keys and the like: nothing helps with spelling, and nothing remembers. */
const LITERAL = { autocomplete: "off", autocapitalize: "none", spellcheck: false } as const;

interface QuestionsProps {
  entered: Entered;
  running: boolean;
  onChange: (entered: Entered) => void;
  onExamine: () => void;
  onStop: () => void;
}

/** The form. */
export function Questions({ entered, running, onChange, onExamine, onStop }: QuestionsProps): JSX.Element {
  const i18n = useI18n();
  const field = (name: keyof Entered) => ({
    name,
    ...texts(i18n, name),
    value: entered[name],
    onValue: (value: string) => onChange({ ...entered, [name]: value }),
  });
  return (
    <form
      class="form doctor-form"
      onSubmit={(event) => {
        event.preventDefault();
        onExamine();
      }}
    >
      <TextField {...field("tenant")} input={{ ...LITERAL, dir: "ltr", placeholder: "pk_…" }} />
      <TextField {...field("origin")} input={{ ...LITERAL, dir: "ltr", inputMode: "url", placeholder: "https://www.example.com" }} />
      <TextArea {...field("csp")} area={{ placeholder: "default-src 'self'; …" }} />
      <TextArea {...field("token")} area={{ placeholder: "eyJ…" }} />
      <details class="doctor-more">
        <summary>{i18n.t("doctor.adminMore")}</summary>
        <TextField {...field("admin")} input={{ ...LITERAL, dir: "ltr", type: "password", placeholder: "ta_…" }} />
      </details>
      <div class="doctor-actions">
        <Button kind="primary" type="submit" disabled={running}>
          {i18n.t("doctor.examine")}
        </Button>
        {running && <Button onClick={onStop}>{i18n.t("doctor.stop")}</Button>}
      </div>
    </form>
  );
}

function texts(i18n: I18n, name: keyof Entered): { label: string; hint: string } {
  return { label: i18n.t(`doctor.${name}Label`), hint: i18n.t(`doctor.${name}Hint`) };
}

interface TextAreaProps {
  label: string;
  hint: string;
  name: string;
  value: string;
  onValue: (value: string) => void;
  area: TextareaHTMLAttributes<HTMLTextAreaElement>;
}

/** Several lines of something that was copied. */
function TextArea({ label, hint, name, value, onValue, area }: TextAreaProps): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      <div class="field-box">
        <textarea
          {...LITERAL}
          {...area}
          id={id}
          class="field-input doctor-area"
          dir="ltr"
          rows={3}
          name={name}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
          aria-describedby={`${id}-hint`}
        />
      </div>
      <p class="field-hint" id={`${id}-hint`}>
        {hint}
      </p>
    </div>
  );
}
