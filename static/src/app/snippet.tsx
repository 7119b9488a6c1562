import type { TenantInfo } from "parlour-client";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { useI18n } from "../ui/context.ts";
import { CopyButton } from "../ui/copy-button.tsx";

/** The line that puts this chat into a site, to copy. */
export function Snippet({ server, tenant }: { server: string; tenant: TenantInfo }): JSX.Element {
  const i18n = useI18n();
  const code = useRef<HTMLElement>(null);
  const line = `<script async src="${server}chat.js" data-tenant="${tenant.publicKey}"></script>`;

  return (
    <section class="snippet" aria-labelledby="snippet-title">
      <div class="snippet-text">
        <h2 id="snippet-title">{i18n.t("app.snippetTitle")}</h2>
        <p>{i18n.t("app.snippetLead")}</p>
      </div>
      <div class="snippet-line">
        <code ref={code} dir="ltr" tabIndex={0}>
          {line}
        </code>
        <CopyButton kind="primary" text={() => line} shown={code} />
      </div>
      <p class="snippet-links">
        <a href={`${server}embed/doctor?tenant=${encodeURIComponent(tenant.publicKey)}`}>{i18n.t("app.doctor")}</a>
        <a href={`${server}docs/`}>{i18n.t("app.docs")}</a>
      </p>
    </section>
  );
}
