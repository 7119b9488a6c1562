// The ways in that a tenant has, one form at a time.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import "../more-icons.ts";
import fields from "../fields.css?inline";
import { CredentialsForm } from "./credentials-form.tsx";
import { GuestForm } from "./guest-form.tsx";
import session from "./session.css?inline";

export const styles: readonly string[] = [fields, session];

type Way = "guest" | "sign-in" | "register";

/** Guest name, sign in, register: those the tenant allows; says so when it lets nobody new in. */
export function Forms(): JSX.Element {
  const { tenant } = useChat();
  const i18n = useI18n();
  const ways: readonly { way: Way; label: string }[] = [
    ...(tenant.guests ? [{ way: "guest", label: i18n.t("session.guest") } as const] : []),
    { way: "sign-in", label: i18n.t("session.signIn") },
    ...(tenant.registration ? [{ way: "register", label: i18n.t("session.register") } as const] : []),
  ];
  const [chosen, setChosen] = useState<Way>(tenant.guests ? "guest" : "sign-in");

  return (
    <section class="session" aria-labelledby="session-title">
      <h2 class="session-title" id="session-title">
        {i18n.t("session.welcome", { tenant: tenant.name })}
      </h2>
      {ways.length > 1 ? (
        <div class="session-ways" role="group" aria-label={i18n.t("session.ways")}>
          {ways.map(({ way, label }) => (
            <button type="button" class="session-way" aria-pressed={way === chosen} key={way} onClick={() => setChosen(way)}>
              {label}
            </button>
          ))}
        </div>
      ) : (
        <p class="session-closed">{i18n.t("session.closed")}</p>
      )}
      {chosen === "guest" ? <GuestForm /> : <CredentialsForm key={chosen} mode={chosen} />}
    </section>
  );
}
