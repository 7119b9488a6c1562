import type { UserRef } from "parlour-client";
import { useEffect, useState } from "preact/hooks";
import { loadEmoji } from "../emoji/load.ts";
import { CANDIDATES_MAX, matchingUsers, type Candidate, type Query } from "./completion.ts";

/** Whom mentions are looked for among. */
export interface People {
  /** Those who are known already: at once. */
  known: () => Iterable<UserRef>;
  /** Those whom the server knows, by the beginning of a name. */
  search: (text: string) => Promise<readonly UserRef[]>;
}

/** After this pause in typing the server is asked, in milliseconds. */
const SEARCH_PAUSE_MS = 200;

/** What may take the place of the query; it grows when there are answers. */
export function useCandidates(query: Query | null, people: People | undefined): readonly Candidate[] {
  const [candidates, setCandidates] = useState<readonly Candidate[]>([]);
  useEffect(() => {
    if (query === null) {
      setCandidates([]);
      return undefined;
    }
    return query.type === "emoji" ? findEmoji(query.text, setCandidates) : findUsers(query.text, people, setCandidates);
  }, [query?.type, query?.text]);
  return query === null ? [] : candidates;
}

type Found = (candidates: readonly Candidate[]) => void;

function findEmoji(text: string, found: Found): () => void {
  let wanted = true;
  loadEmoji().then(
    ({ searchEmoji }) => {
      const emoji = searchEmoji(text, CANDIDATES_MAX);
      if (wanted) found(emoji.map(({ glyph, name }) => ({ key: name, insert: glyph, label: `${glyph} :${name}:` })));
    },
    // Without the chunk there is nothing to offer, and what was typed is as good.
    () => found([]),
  );
  return () => {
    wanted = false;
  };
}

function findUsers(text: string, people: People | undefined, found: Found): () => void {
  let wanted = true;
  const known = [...(people?.known() ?? [])];
  const already = matchingUsers(known, text);
  found(already);
  if (!people || already.length === CANDIDATES_MAX || text === "") return () => undefined;
  const timer = setTimeout(() => {
    people.search(text).then(
      (users) => wanted && found(matchingUsers([...known, ...users], text)),
      // Those who are known are offered all the same.
      () => undefined,
    );
  }, SEARCH_PAUSE_MS);
  return () => {
    wanted = false;
    clearTimeout(timer);
  };
}
