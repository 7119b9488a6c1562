// What every form that asks the server has in common: sending once, the refusal in words, the time to wait.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Button } from "../button.tsx";
import { useI18n } from "../context.ts";
import { durationText } from "../duration.ts";
import { errorText } from "../errors.ts";
import type { FormRequest } from "./use-request.ts";

export interface FormBodyProps {
  request: FormRequest;
  action: () => Promise<void>;
  /** What the button says. */
  submit: string;
  /** Words for codes that mean something particular here; others have their usual words. */
  refusals?: Readonly<Record<string, string>>;
  children: ComponentChildren;
}

/** A form. Browsers check what is required; everything else is the server's to judge. */
export function FormBody({ request, action, submit, refusals = {}, children }: FormBodyProps): JSX.Element {
  const i18n = useI18n();
  const form = useRef<HTMLFormElement>(null);
  const { error, wait, busy } = request;

  useEffect(() => {
    if (error?.fields) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [error]);

  const until = useMemo(() => (wait > 0 ? durationText(i18n, wait) : ""), [error, i18n]);
  return (
    <form
      ref={form}
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void request.run(action);
      }}
    >
      {children}
      <div role="alert" class="form-alert">
        {wait === 0 && error && !error.fields && (refusals[error.code] ?? errorText(i18n, error))}
        {wait > 0 && <span class="visually-hidden">{i18n.t("session.tooMany", { time: until })}</span>}
      </div>
      {wait > 0 && (
        // The time is read out once; the seconds that go by are for the eyes.
        <p class="form-alert" aria-hidden="true">
          {i18n.t("session.tooMany", { time: durationText(i18n, wait) })}
        </p>
      )}
      <Button kind="primary" type="submit" aria-disabled={busy || wait > 0}>
        {submit}
      </Button>
    </form>
  );
}
