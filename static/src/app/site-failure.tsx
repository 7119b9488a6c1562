import type { JSX } from "preact";
import { Button } from "../ui/button.tsx";
import { useI18n } from "../ui/context.ts";
import { useListener } from "../ui/hooks.ts";
import { TENANT } from "./session.ts";

interface SiteFailureProps {
  why: "unknown" | "suspended" | "unreachable";
  onRetry: () => void;
}

/** Says why there is no chat here, and what to do about it. */
export function SiteFailure({ why, onRetry }: SiteFailureProps): JSX.Element {
  const i18n = useI18n();
  useListener(window, "online", onRetry);
  const title = why === "unknown" ? i18n.t("app.unknownTenant", { tenant: TENANT ?? "default" }) : i18n.t(`app.${why}`);
  const hint = i18n.t(`app.${why === "unknown" ? "unknownTenant" : why}Hint`);
  return (
    <section class="session" role="alert">
      <h2 class="session-title">{title}</h2>
      <p class="session-closed">{hint}</p>
      {why !== "unknown" && (
        <Button kind="primary" icon="retry" onClick={onRetry}>
          {i18n.t("common.retry")}
        </Button>
      )}
    </section>
  );
}
