// A room of one's own: its name, what it is about, who can see it.
import type { Room } from "parlour-client";
import { createRoom } from "parlour-client/directory";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import { Dialog } from "../dialog.tsx";
import { TextField } from "../field.tsx";
import { FormBody } from "../session/form-body.tsx";
import { useRequest } from "../session/use-request.ts";

const KINDS = ["public", "private"] as const;

export function NewRoomDialog({ onMade, onClose }: { onMade: (room: Room) => void; onClose: () => void }): JSX.Element {
  const { chat } = useChat();
  const i18n = useI18n();
  const request = useRequest();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [kind, setKind] = useState<(typeof KINDS)[number]>("public");

  async function create(): Promise<void> {
    onMade(await createRoom(chat, { name: name.trim(), description: description.trim() || undefined, kind }));
  }

  return (
    <Dialog title={i18n.t("rooms.newRoom")} onClose={onClose}>
      <FormBody
        request={request}
        action={create}
        submit={i18n.t("rooms.create")}
        refusals={{ room_creation_closed: i18n.t("rooms.creationClosed"), too_many_rooms: i18n.t("rooms.tooMany") }}
      >
        <TextField
          label={i18n.t("rooms.name")}
          name="room-name"
          value={name}
          onValue={setName}
          errors={request.error?.fields?.["name"] ? [i18n.t("session.nameRule")] : []}
          input={{ required: true, maxLength: 80, autocomplete: "off", autofocus: true }}
        />
        <TextField
          label={i18n.t("rooms.description")}
          name="room-description"
          value={description}
          onValue={setDescription}
          hint={i18n.t("rooms.optional")}
          errors={request.error?.fields?.["description"] ? [i18n.t("rooms.descriptionRule")] : []}
          input={{ maxLength: 500, autocomplete: "off" }}
        />
        <fieldset class="choices">
          <legend class="field-label">{i18n.t("rooms.who")}</legend>
          {KINDS.map((value) => (
            <label class="choice" key={value}>
              <input type="radio" name="room-kind" checked={kind === value} onChange={() => setKind(value)} />
              <span>
                <span class="choice-name">{i18n.t(`rooms.${value}`)}</span>
                <span class="field-hint">{i18n.t(`rooms.${value}Hint`)}</span>
              </span>
            </label>
          ))}
        </fieldset>
      </FormBody>
    </Dialog>
  );
}
