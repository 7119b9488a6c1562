import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { useLazy } from "../lazy.ts";

/** Guest name, sign in, register: those the tenant allows. Loaded when it is shown, as most come in without it. */
export function SessionForms(): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const views = useLazy(() => import("./forms.tsx"), true, place);
  return <div ref={place}>{views && <views.Forms />}</div>;
}
