// Who is not signed in signs in, registers or comes in as a guest here; who is sees the children.
import { Fragment, type ComponentChildren, type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useChat } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import { SessionForms } from "./session-forms.tsx";

export interface SessionGateProps {
  children: ComponentChildren;
  /** What somebody who is not signed in sees; the forms alone when missing. */
  signedOut?: ComponentChildren;
}

/** Shows its children to who is signed in (`chat.me`), and connects them; the forms to everybody else. */
export function SessionGate({ children, signedOut }: SessionGateProps): JSX.Element {
  const { chat } = useChat();
  useEmitter(chat, "identity");
  const id = chat.me?.id;
  useEffect(() => {
    // How it goes is told by the chat's state.
    if (id) chat.connect().catch(() => {});
  }, [chat, id]);
  // Another user gets another tree: nothing of the one before stays in a state.
  if (id) return <Fragment key={id}>{children}</Fragment>;
  return <>{signedOut ?? <SessionForms />}</>;
}
