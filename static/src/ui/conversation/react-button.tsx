import type { Message } from "parlour-client";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";
import { EmojiPopover } from "../emoji/emoji-popover.tsx";
import type { Scene } from "./scene.ts";

/** A button that lets one choose an emoji for a message. */
export function ReactButton({ message, scene }: { message: Message; scene: Scene }): JSX.Element {
  const i18n = useI18n();
  const [anchor, setAnchor] = useState<Element | null>(null);
  const choose = (emoji: string): void => {
    setAnchor(null);
    scene.actions.react(message, emoji);
  };
  return (
    <>
      <IconButton
        icon="smile"
        label={i18n.t("message.react")}
        aria-haspopup="dialog"
        aria-expanded={anchor !== null}
        onClick={(event) => setAnchor(anchor ? null : event.currentTarget)}
      />
      {anchor && <EmojiPopover anchor={anchor} quick onChoose={choose} onClose={() => setAnchor(null)} />}
    </>
  );
}
