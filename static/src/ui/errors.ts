import type { ChatError } from "parlour-client";
import type { I18n } from "../i18n/i18n.ts";

/** Codes of errors that there are words for; the others are told as `other`. */
const WORDS = [
  "banned",
  "body_too_large",
  "closed",
  "conflict",
  "edit_window_over",
  "feature_disabled",
  "forbidden",
  "frozen",
  "invalid",
  "message_not_found",
  "muted",
  "not_a_member",
  "not_found",
  "offline",
  "queue_full",
  "rate_limited",
  "read_only",
  "room_full",
  "room_not_found",
  "slow_mode",
  "too_many_pins",
  "unauthorized",
  "unavailable",
  "uploads_full",
] as const;

/** What to tell the user of an error, as a sentence. */
export function errorText(i18n: I18n, error: ChatError): string {
  const words = WORDS.find((code) => code === error.code) ?? "other";
  return i18n.t(`errors.${words}`);
}
