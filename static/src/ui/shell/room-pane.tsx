// The open conversation, or why there is none.
import type { ComponentChildren, JSX } from "preact";
import { Button, IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";
import { Conversation } from "../conversation/conversation.tsx";
import { errorText } from "../errors.ts";
import { late } from "../late.ts";
import { lazyView } from "../lazy-view.ts";
import type { ShellPage } from "./chat-shell.tsx";
import type { Aside } from "./navigation.ts";
import type { OpenRoom } from "./use-room.ts";

interface RoomPaneProps {
  open: OpenRoom;
  page: ShellPage | undefined;
  onBack: (() => void) | undefined;
  onAside: (aside: Aside) => void;
  onClose: (() => void) | undefined;
}

/** Codes of errors after which trying again changes nothing. */
const FINAL = new Set(["room_not_found", "not_a_member", "unauthorized", "banned"]);

interface HeadProps {
  onBack?: (() => void) | undefined;
  onClose?: (() => void) | undefined;
}

const PageConversation = lazyView(
  () => late("page-conversation", () => import("../conversation/page-conversation.tsx")),
  (views) => views.PageConversation,
  Waiting,
);

/** A room's conversation; while it is on its way a sign of that, and words for what keeps it away. */
export function RoomPane({ open, page, onBack, onAside, onClose }: RoomPaneProps): JSX.Element {
  const i18n = useI18n();
  const { room, error } = open;
  if (room) {
    return (
      <Conversation
        room={room}
        onBack={onBack}
        onThread={(root) => root.id && onAside({ kind: "thread", rootId: root.id })}
        onProfile={(user) => onAside({ kind: "person", user })}
        onDetails={() => onAside({ kind: "details" })}
        onClose={onClose}
      />
    );
  }
  if (page && !open.pending && !error) {
    return <PageConversation page={page.room} title={page.title} onBack={onBack} onRoom={open.hand} onClose={onClose} />;
  }
  if (!error) return <Waiting onBack={onBack} onClose={onClose} />;
  const isFinal = FINAL.has(error.code);
  return (
    <Empty onBack={onBack} onClose={onClose}>
      <div class="shell-notice" role="alert">
        <h2>{isFinal ? i18n.t("rooms.gone") : errorText(i18n, error)}</h2>
        {isFinal ? (
          <p>{i18n.t("rooms.goneHint")}</p>
        ) : (
          <Button icon="retry" onClick={open.retry}>
            {i18n.t("common.retry")}
          </Button>
        )}
      </div>
    </Empty>
  );
}

function Waiting(head: HeadProps): JSX.Element {
  const i18n = useI18n();
  return (
    <Empty {...head}>
      <div class="shell-notice" role="status">
        <span class="visually-hidden">{i18n.t("common.loading")}</span>
        <span class="spinner" aria-hidden="true" />
      </div>
    </Empty>
  );
}

/** A pane with no more than the ways out of it. */
function Empty({ onBack, onClose, children }: HeadProps & { children: ComponentChildren }): JSX.Element {
  const i18n = useI18n();
  return (
    <>
      <header class="shell-header" part="header">
        {onBack && <IconButton class="shell-back" icon="back" label={i18n.t("common.back")} onClick={onBack} />}
        <span class="shell-header-space" />
        {onClose && <IconButton icon="close" label={i18n.t("common.close")} onClick={onClose} />}
      </header>
      {children}
    </>
  );
}
