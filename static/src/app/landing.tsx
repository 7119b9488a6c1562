// What somebody sees who is signed out: what this is, a look at it, the way in, and the line for one's own site.
import type { TenantInfo } from "parlour-client";
import type { ComponentChildren, JSX } from "preact";
import { IconButton } from "../ui/button.tsx";
import { useI18n } from "../ui/context.ts";
import { Icon } from "../ui/icons.tsx";
import { Preview } from "./preview.tsx";
import { SERVER } from "./session.ts";
import { Snippet } from "./snippet.tsx";

interface LandingProps {
  /** `null` when there is no chat to put into a site. */
  tenant: TenantInfo | null;
  onPreferences: () => void;
  /** The way in, or why there is none. */
  children: ComponentChildren;
}

export function Landing({ tenant, onPreferences, children }: LandingProps): JSX.Element {
  const i18n = useI18n();
  return (
    <div class="landing">
      <header class="landing-header">
        <span class="landing-brand">
          <Icon name="chat" />
          Parlour
        </span>
        <IconButton icon="gear" label={i18n.t("app.preferences")} onClick={onPreferences} />
      </header>
      <main class="landing-main">
        <div class="landing-what">
          <h1>{i18n.t("app.tagline")}</h1>
          <p>{i18n.t("app.lead")}</p>
        </div>
        <div class="landing-in">{children}</div>
        <Preview />
        {tenant && <Snippet server={SERVER} tenant={tenant} />}
      </main>
    </div>
  );
}
