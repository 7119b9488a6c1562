import type { ComponentChildren, JSX } from "preact";
import { IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";

interface HeaderProps {
  title: string;
  /** What the title leads to. */
  onTitle?: (() => void) | undefined;
  /** Stands before the title: a picture or a sign. */
  sign?: ComponentChildren;
  /** Stands below the title. */
  children?: ComponentChildren;
  onBack?: (() => void) | undefined;
  onClose?: (() => void) | undefined;
}

/** The top of a pane. */
export function Header({ title, onTitle, sign, children, onBack, onClose }: HeaderProps): JSX.Element {
  const i18n = useI18n();
  return (
    <header class="header" part="header">
      {onBack && <IconButton icon="back" class="conversation-back" label={i18n.t("common.back")} onClick={onBack} />}
      {sign}
      <div class="header-main">
        <h2>
          {onTitle ? (
            <button type="button" class="header-title" onClick={onTitle}>
              <bdi>{title}</bdi>
            </button>
          ) : (
            <bdi>{title}</bdi>
          )}
        </h2>
        {children}
      </div>
      {onClose && <IconButton icon="close" label={i18n.t("common.close")} onClick={onClose} />}
    </header>
  );
}
