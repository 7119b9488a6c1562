// Whom to write to: people are looked for as their name is typed.
import type { UserRef } from "parlour-client";
import { getUsers } from "parlour-client/directory";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useChat, useI18n } from "../context.ts";
import { Dialog } from "../dialog.tsx";
import { TextField } from "../field.tsx";
import { PersonRow } from "./person-row.tsx";
import { useAttempt } from "./use-attempt.ts";

/** Milliseconds without a key before the server is asked. */
const PAUSE = 200;

export function NewMessageDialog({ onChosen, onClose }: { onChosen: (user: UserRef) => void; onClose: () => void }): JSX.Element {
  const { chat } = useChat();
  const i18n = useI18n();
  const attempt = useAttempt();
  const [search, setSearch] = useState("");
  const [people, setPeople] = useState<readonly UserRef[] | null>(null);

  useEffect(() => {
    let wanted = true;
    const ask = async (): Promise<void> => {
      const users = await getUsers(chat, search.trim() || undefined);
      if (wanted) setPeople(users.filter((user) => user.id !== chat.me?.id && user.kind !== "bot"));
    };
    const timer = setTimeout(() => void attempt(ask), people === null ? 0 : PAUSE);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [chat, search]);

  return (
    <Dialog title={i18n.t("rooms.newMessage")} onClose={onClose}>
      <div class="form">
        <TextField
          label={i18n.t("rooms.searchPeople")}
          name="search"
          value={search}
          onValue={setSearch}
          hint={i18n.t("rooms.searchPeopleHint")}
          input={{ type: "search", autocomplete: "off", autofocus: true }}
        />
        <div class="people">
          <p class="details-none" role="status">
            {people?.length === 0 && i18n.t("rooms.nobody")}
          </p>
          <ul>
            {people?.map((user) => (
              <li key={user.id}>
                <PersonRow user={user} onChoose={onChosen} />
              </li>
            ))}
          </ul>
        </div>
      </div>
    </Dialog>
  );
}
