// A labelled input with its hint and its errors, told to assistive technology as belonging to it.
import type { InputHTMLAttributes, JSX } from "preact";
import { useId } from "preact/hooks";

export interface TextFieldProps {
  label: string;
  /** What the form and password managers know it by. */
  name: string;
  value: string;
  onValue: (value: string) => void;
  /** What to know before typing; gives way to errors. */
  hint?: string;
  /** What is wrong with the value; empty when nothing is known to be. */
  errors?: readonly string[];
  /** Further attributes of the input. */
  input?: InputHTMLAttributes<HTMLInputElement>;
  /** Stands at the end inside the field, as a button that shows a password does. */
  end?: JSX.Element;
}

/** One line of text. */
export function TextField({ label, name, value, onValue, hint, errors = [], input, end }: TextFieldProps): JSX.Element {
  const id = useId();
  const wrong = errors.length > 0;
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      <div class="field-box">
        <input
          {...input}
          id={id}
          class="field-input"
          name={name}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
          aria-invalid={wrong}
          aria-describedby={wrong || hint ? `${id}-about` : undefined}
        />
        {end}
      </div>
      {(wrong || hint) && (
        <p class={wrong ? "field-error" : "field-hint"} id={`${id}-about`}>
          {wrong ? errors.join(" ") : hint}
        </p>
      )}
    </div>
  );
}
