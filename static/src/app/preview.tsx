// A picture of the widget in somebody's page, drawn with the widget's own colours and faces.
import type { UserRef } from "parlour-client";
import type { JSX } from "preact";
import { Avatar } from "../ui/avatar.tsx";
import { useI18n } from "../ui/context.ts";
import { Icon } from "../ui/icons.tsx";

const MIKA: UserRef = { id: "mika", username: "mika", name: "Mika" };
const INES: UserRef = { id: "ines", username: "ines", name: "Inês" };

export function Preview(): JSX.Element {
  const i18n = useI18n();
  return (
    <div class="preview" role="img" aria-label={i18n.t("app.preview")}>
      <div class="preview-page">
        <div class="preview-bar">
          <i />
          <i />
          <i />
        </div>
        <div class="preview-picture" />
        <div class="preview-lines">
          <b />
          <b />
          <b />
          <b />
        </div>
      </div>
      <div class="preview-chat">
        <div class="preview-head">
          <Icon name="hash" />
          Lisboa
          <span class="preview-faces">
            <Avatar user={MIKA} />
            <Avatar user={INES} />
          </span>
        </div>
        <div class="preview-message">
          <Avatar user={MIKA} />
          <p>{i18n.t("app.previewOne")}</p>
        </div>
        <div class="preview-message">
          <Avatar user={INES} />
          <p>
            {i18n.t("app.previewTwo")}
            <span class="preview-reaction">❤️ 3</span>
          </p>
        </div>
        <div class="preview-message preview-own">
          <p>{i18n.t("app.previewThree")}</p>
        </div>
        <div class="preview-typing">
          <i />
          <i />
          <i />
        </div>
      </div>
    </div>
  );
}
