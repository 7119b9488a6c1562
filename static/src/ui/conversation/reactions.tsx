import { displayName, type Message } from "parlour-client";
import type { JSX } from "preact";
import { useI18n } from "../context.ts";
import type { Scene } from "./scene.ts";

/** What others thought of a message; a click joins them, another one leaves. */
export function Reactions({ message, scene }: { message: Message; scene: Scene }): JSX.Element {
  const i18n = useI18n();
  return (
    <div class="reactions" aria-live="off">
      {message.reactions.map(({ emoji, count, users, me }) => (
        <button
          key={emoji}
          type="button"
          class="reaction"
          aria-pressed={me}
          title={i18n.list(users.map(displayName))}
          disabled={!scene.features.reactions}
          onClick={() => scene.actions.react(message, emoji)}
        >
          <span>{emoji}</span>
          {i18n.number(count)}
        </button>
      ))}
    </div>
  );
}
