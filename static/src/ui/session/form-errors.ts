// What the server says about a form, in the reader's language.
import type { ChatError } from "parlour-client";
import type { I18n } from "../../i18n/i18n.ts";

/** Texts for one field of a refused request; empty when the field is not what is wrong. */
export function fieldErrors(i18n: I18n, error: ChatError | null, field: string): readonly string[] {
  const texts = error?.fields?.[field];
  if (!texts || texts.length === 0) return [];
  switch (field) {
    case "username":
      return [i18n.t(texts.some((text) => text.includes("taken")) ? "session.usernameTaken" : "session.usernameHint")];
    case "password":
    case "new_password":
      return [i18n.t("session.passwordHint")];
    case "current_password":
      return [i18n.t("session.wrongCurrent")];
    case "name":
      return [i18n.t("session.nameRule")];
    default:
      return texts;
  }
}
