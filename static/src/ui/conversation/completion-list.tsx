import type { UserRef } from "parlour-client";
import type { JSX } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { Avatar } from "../avatar.tsx";
import { useI18n } from "../context.ts";
import type { Candidate } from "./completion.ts";
import type { Query } from "./query.ts";
import { useCandidates } from "./use-completion.ts";

export interface CompletionProps {
  /** What its field calls it. */
  id: string;
  query: Query;
  /** Those who are known already; without it nobody is offered. */
  people: (() => Iterable<UserRef>) | undefined;
  /** Given what is done with a key of the field while something is offered; says whether anything was. */
  keys: { current: ((key: string) => boolean) | null };
  /** The id of the element that is chosen at the moment, `null` while nothing is offered. */
  onActive: (id: string | null) => void;
  onChoose: (candidate: Candidate) => void;
  /** Nothing is wanted. */
  onEnd: () => void;
}

/** Offers names for what is being written, above its field, which keeps the focus. */
export function Completion({ id, query, people, keys, onActive, onChoose, onEnd }: CompletionProps): JSX.Element | null {
  const i18n = useI18n();
  const candidates = useCandidates(query, people);
  const [chosen, setChosen] = useState(0);
  const [chosenFor, setChosenFor] = useState(query);
  // Another query begins at the first again.
  if (chosenFor !== query) {
    setChosenFor(query);
    setChosen(0);
  }
  const current = candidates[Math.min(chosen, candidates.length - 1)];
  const active = current ? optionId(id, current) : null;

  const onKey = (key: string): boolean => {
    if (!current) return false;
    if (key === "ArrowDown") setChosen((chosen + 1) % candidates.length);
    else if (key === "ArrowUp") setChosen((chosen - 1 + candidates.length) % candidates.length);
    else if (key === "Enter" || key === "Tab") onChoose(current);
    else if (key === "Escape") onEnd();
    else return false;
    return true;
  };
  useLayoutEffect(() => {
    keys.current = onKey;
  });
  useLayoutEffect(() => onActive(active), [active]);
  useLayoutEffect(
    () => () => {
      keys.current = null;
      onActive(null);
    },
    [],
  );

  if (!current) return null;
  return (
    <ul
      id={id}
      class="completion"
      role="listbox"
      aria-label={i18n.t(query.type === "emoji" ? "composer.emoji" : "composer.people")}
    >
      {candidates.map((candidate) => (
        <li
          key={candidate.key}
          id={optionId(id, candidate)}
          role="option"
          aria-selected={candidate === current}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onChoose(candidate)}
        >
          {candidate.user && <Avatar user={candidate.user} />}
          <span>{candidate.label}</span>
          <small>{candidate.detail}</small>
        </li>
      ))}
    </ul>
  );
}

function optionId(list: string, { key }: Candidate): string {
  return `${list}-${key}`;
}
