import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { late } from "../late.ts";
import { useLazy } from "../lazy.ts";

const loadForms = (): Promise<typeof import("./forms.tsx")> => late("forms", () => import("./forms.tsx"));

/** Guest name, sign in, register: those the tenant allows. Loaded when it is shown, as most come in without it. */
export function SessionForms(): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const views = useLazy(loadForms, true, place);
  return <div ref={place}>{views && <views.Forms />}</div>;
}
