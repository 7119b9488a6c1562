// What is open beside a conversation: a thread, the room's details, or somebody's profile.
import type { Message, Room } from "parlour-client";
import { openThread } from "parlour-client/thread";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Thread } from "../conversation/thread.tsx";
import { DetailsPane } from "./details-pane.tsx";
import type { Aside } from "./navigation.ts";
import { PersonPane } from "./person-pane.tsx";

interface AsidePaneProps {
  aside: Aside;
  room: Room;
  onBack: () => void;
  onAside: (aside: Aside) => void;
  /** Opens a direct conversation; missing where there is no way to one. */
  onMessage: ((userId: string) => void) | undefined;
  /** After leaving the room; missing where there is nowhere else to be. */
  onLeft: (() => void) | undefined;
}

export function AsidePane({ aside, room, onBack, onAside, onMessage, onLeft }: AsidePaneProps): JSX.Element | null {
  switch (aside.kind) {
    case "thread":
      return <ThreadAside room={room} rootId={aside.rootId} onBack={onBack} onAside={onAside} />;
    case "details":
      return <DetailsPane room={room} onBack={onBack} onPerson={(user) => onAside({ kind: "person", user })} onLeft={onLeft} />;
    case "person":
      return <PersonPane user={aside.user} onBack={onBack} onMessage={onMessage} />;
  }
}

interface ThreadAsideProps extends Pick<AsidePaneProps, "room" | "onBack" | "onAside"> {
  rootId: string;
}

/** A thread by the id of its root, which may have to be fetched first: after a reload, for one. */
function ThreadAside({ room, rootId, onBack, onAside }: ThreadAsideProps): JSX.Element | null {
  const [root, setRoot] = useState<Message | null>(() => room.messages.find(({ id }) => id === rootId) ?? null);
  useEffect(() => {
    if (root) return undefined;
    const thread = openThread(room, rootId);
    const look = (): void => setRoot(thread.root);
    const end = thread.on("change", look);
    look();
    return () => {
      end();
      thread.close();
    };
  }, [room, rootId, root]);
  return root && <Thread room={room} root={root} onClose={onBack} onProfile={(user) => onAside({ kind: "person", user })} />;
}
