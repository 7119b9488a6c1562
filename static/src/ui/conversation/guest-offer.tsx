import type { Parlour, Room } from "parlour-client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useChat } from "../context.ts";
import { useEmitter } from "../hooks.ts";
import { GuestName } from "./guest-name.tsx";

/** Sessions whose guest does not want to say a name. */
const declined = new WeakSet<Parlour>();

/** Asks a guest for a name once, after the first message: until then nobody has to call them anything. */
export function GuestOffer({ room }: { room: Room }): JSX.Element | null {
  const { chat } = useChat();
  const [, setDeclined] = useState(false);
  useEmitter(chat, "identity");
  useEmitter(room, "change");
  const { me } = chat;
  const isNameless = me?.kind === "guest" && me.name === undefined;
  if (!isNameless || declined.has(chat) || !room.messages.some(({ own }) => own)) return null;
  const decline = (): void => {
    declined.add(chat);
    setDeclined(true);
  };
  return <GuestName onDecline={decline} />;
}
