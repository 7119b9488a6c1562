import type { FunctionComponent, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";
import { Popover } from "../popover.tsx";
import type { EmojiPickerProps } from "./emoji-picker.tsx";
import { loadEmoji } from "./load.ts";

/** What most people react with. */
const QUICK = ["👍", "❤️", "😂", "🎉", "😮", "🙏"];

export interface EmojiPopoverProps {
  anchor: Element;
  /** Whether to begin with a few, and show all of them on request. */
  quick?: boolean;
  onChoose: (glyph: string) => void;
  onClose: () => void;
}

/** Lets one choose an emoji. */
export function EmojiPopover({ anchor, quick = false, onChoose, onClose }: EmojiPopoverProps): JSX.Element {
  const i18n = useI18n();
  const [all, setAll] = useState(!quick);
  const [Picker, setPicker] = useState<FunctionComponent<EmojiPickerProps> | null>(null);
  useEffect(() => {
    if (!all) return undefined;
    let wanted = true;
    loadEmoji().then(
      ({ EmojiPicker }) => wanted && setPicker(() => EmojiPicker),
      onClose,
    );
    return () => {
      wanted = false;
    };
  }, [all]);
  return (
    <Popover
      anchor={anchor}
      label={i18n.t("emoji.choose")}
      class={all ? "emoji-popover" : "emoji-quick"}
      onClose={onClose}
    >
      {!all && (
        <>
          {QUICK.map((glyph) => (
            <button key={glyph} type="button" class="emoji" onClick={() => onChoose(glyph)}>{glyph}</button>
          ))}
          <IconButton icon="plus" label={i18n.t("emoji.all")} onClick={() => setAll(true)} />
        </>
      )}
      {all && (Picker ? <Picker onChoose={onChoose} /> : <p class="emoji-none">{i18n.t("common.loading")}</p>)}
    </Popover>
  );
}
