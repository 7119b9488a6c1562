import type { ChatError, Room } from "parlour-client";
import { useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import { errorText } from "../errors.ts";
import { useCountdown, useEmitter, useListening } from "../hooks.ts";
import { isModerator } from "./scene.ts";

/** Why a message cannot be sent, or not yet. */
export interface Obstacle {
  readonly text: string;
  /** Whether there is no writing at all. */
  readonly closes: boolean;
  /** Whether messages may be sent all the same, and wait in the queue. */
  readonly waits: boolean;
}

/** What keeps the user from writing in a room at this moment, null if nothing does. */
export function useObstacle(room: Room): Obstacle | null {
  const { chat } = useChat();
  const i18n = useI18n();
  useEmitter(room, "info", "closed", "change");
  const [limit, setLimit] = useState<{ code: string; until: number } | null>(null);
  useListening(chat, "error", ({ code, retryAfterMs }: ChatError) => {
    const isLimit = code === "rate_limited" || code === "slow_mode";
    if (isLimit && retryAfterMs !== undefined) setLimit({ code, until: Date.now() + retryAfterMs });
  });
  const limitLeft = useCountdown(limit?.until ?? null);
  const slowLeft = useCountdown(slowUntil(room));
  const refusal = lastRefusal(room);
  const mutedLeft = useCountdown(refusal?.until === undefined ? null : Date.parse(refusal.until));

  const { role, frozen } = room.info;
  if (room.closed) return { text: errorText(i18n, room.closed), closes: true, waits: false };
  if (role === "reader") return { text: i18n.t("errors.read_only"), closes: true, waits: false };
  if (frozen && !isModerator(role)) return { text: i18n.t("errors.frozen"), closes: true, waits: false };
  if (refusal?.code === "muted" && (refusal.until === undefined || mutedLeft > 0)) {
    const { until } = refusal;
    const time = until === undefined ? null : i18n.dateTime(new Date(until));
    const text = time === null ? i18n.t("errors.muted") : i18n.t("composer.muted_until", { time });
    return { text, closes: true, waits: false };
  }
  if (slowLeft > 0) {
    return { text: i18n.t("composer.slow_mode", { count: seconds(slowLeft) }), closes: false, waits: false };
  }
  if (limit && limitLeft > 0) {
    const key = limit.code === "slow_mode" ? "composer.slow_mode" : "composer.rate_limited";
    return { text: i18n.t(key, { count: seconds(limitLeft) }), closes: false, waits: true };
  }
  return null;
}

/** When the room's slow mode lets the user write again, in milliseconds of this device's clock. */
function slowUntil({ info, messages }: Room): number | null {
  if (info.slowModeSeconds === 0 || isModerator(info.role)) return null;
  const last = messages.findLast((message) => message.own && message.state === "sent");
  return last ? Date.parse(last.insertedAt) + info.slowModeSeconds * 1000 : null;
}

/** Why the user's last message was not taken; null when it was, or there is none. */
function lastRefusal({ messages }: Room): ChatError | null {
  return messages.findLast((message) => message.own)?.failure ?? null;
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}
