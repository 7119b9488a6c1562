import { displayName, type Room } from "parlour-client";
import type { JSX } from "preact";
import { useI18n } from "../context.ts";
import { useEmitter } from "../hooks.ts";

/** Who is writing. Its place stays when nobody does, so that nothing moves. Not said: it would be said all the time. */
export function TypingLine({ room }: { room: Room }): JSX.Element {
  const i18n = useI18n();
  useEmitter(room, "typing");
  const names = room.typing.map(displayName);
  const [first = "", second = ""] = names;
  const texts = [
    () => "",
    () => i18n.t("conversation.typing_one", { name: first }),
    () => i18n.t("conversation.typing_two", { name: first, other: second }),
  ];
  const text = texts[names.length]?.() ?? i18n.t("conversation.typing_many", { count: names.length });
  return (
    <p class="typing">
      {text !== "" && <span class="typing-dots" aria-hidden="true"><i /><i /><i /></span>}
      {text}
    </p>
  );
}
