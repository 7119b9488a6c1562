import type { Attachment, Room, UploadOptions } from "parlour-client";
import type { JSX, RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import { useEmitter, useStable } from "../hooks.ts";
import { late } from "../late.ts";
import { PendingFiles } from "./pending-files.tsx";
import { FILES_MAX, Uploads } from "./uploads.ts";

/** The files that are to go with the next message. */
export interface FilesToSend {
  readonly attachments: readonly Attachment[];
  /** Whether one is on its way: what is sent waits for it. */
  readonly underWay: boolean;
  /** Whether one has to be tried again or removed before anything is sent. */
  readonly failed: boolean;
  /** Lets the user choose some. */
  readonly choose: () => void;
  /** They are sent. */
  readonly clear: () => void;
}

export interface ComposerFilesProps {
  room: Room;
  /** Most bytes of a file. */
  bytesMax: number;
  /** What stands in the pane that files can be dropped on and pasted into. */
  composer: RefObject<HTMLElement | null>;
  onChange: (files: FilesToSend) => void;
}

/** Most people never send a file, so the code for it is loaded when somebody does. */
async function send(room: Room, file: File, options: UploadOptions): Promise<Attachment> {
  const { upload } = await late("uploads", () => import("parlour-client/uploads"));
  return upload(room, file, options);
}

/** Takes files that are chosen, pasted or dropped, and shows how far they are. */
export function ComposerFiles({ room, bytesMax, composer, onChange }: ComposerFilesProps): JSX.Element {
  const { notify } = useChat();
  const i18n = useI18n();
  const [dropping, setDropping] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const uploads = useMemo(() => new Uploads((file, options) => send(room, file, options), bytesMax), [room, bytesMax]);
  const { files } = uploads;
  useEmitter(uploads, "change");
  // Before anybody can press a key that would send without them.
  useLayoutEffect(() => {
    const { attachments, underWay, failed } = uploads;
    onChange({ attachments, underWay, failed, choose: () => input.current?.click(), clear: () => uploads.clear() });
  }, [uploads, files]);
  // Nobody waits for what belongs to a message that will not be sent.
  useEffect(() => () => uploads.clear(), [uploads]);

  const take = useStable((chosen: readonly File[]) => {
    if (uploads.add(chosen).length > 0) notify(i18n.t("attachments.too_many", { count: FILES_MAX }));
  });
  useEffect(() => {
    const pane = composer.current?.closest<HTMLElement>("section");
    return pane ? listen(pane, take, setDropping) : undefined;
  }, []);

  return (
    <>
      {dropping && <p class="composer-drop">{i18n.t("attachments.drop")}</p>}
      {files.length > 0 && <PendingFiles uploads={uploads} />}
      <input
        ref={input}
        class="composer-files"
        type="file"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          take([...(currentTarget.files ?? [])]);
          // The same file may be chosen again.
          currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Takes the files that come into a pane, until the function that it returns is called. */
function listen(pane: HTMLElement, take: (files: readonly File[]) => void, setDropping: (dropping: boolean) => void): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  const receive = (event: Event, transfer: DataTransfer | null): void => {
    const files = [...(transfer?.files ?? [])];
    // Text stays the browser's business.
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  };
  const over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    setDropping(true);
  };
  const leave = ({ relatedTarget }: DragEvent): void => {
    if (!(relatedTarget instanceof Node && pane.contains(relatedTarget))) setDropping(false);
  };
  const drop = (event: DragEvent): void => {
    setDropping(false);
    receive(event, event.dataTransfer);
  };
  pane.addEventListener("dragover", over, { signal });
  pane.addEventListener("dragleave", leave, { signal });
  pane.addEventListener("drop", drop, { signal });
  pane.addEventListener("paste", (event) => receive(event, event.clipboardData), { signal });
  return () => listening.abort();
}
