import type { Parlour, UserRef } from "parlour-client";
import { getUsers } from "parlour-client/directory";
import { useEffect, useState } from "preact/hooks";
import { useChat } from "../context.ts";
import { loadEmoji } from "../emoji/load.ts";
import { CANDIDATES_MAX, matchingUsers, type Candidate } from "./completion.ts";
import type { Query } from "./query.ts";

/** After this pause in typing the server is asked, in milliseconds. */
const SEARCH_PAUSE_MS = 200;

/**
 * What may take the place of the query: `people` at once, whom else the server knows when it has answered.
 */
export function useCandidates(query: Query, people: (() => Iterable<UserRef>) | undefined): readonly Candidate[] {
  const { chat } = useChat();
  const [candidates, setCandidates] = useState<readonly Candidate[]>([]);
  useEffect(
    () => {
      if (query.type === "emoji") return findEmoji(query.text, setCandidates);
      return people ? findUsers(chat, query.text, [...people()], setCandidates) : setCandidates([]);
    },
    [query.type, query.text],
  );
  return candidates;
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

function findUsers(chat: Parlour, text: string, known: readonly UserRef[], found: Found): () => void {
  let wanted = true;
  const already = matchingUsers(known, text);
  found(already);
  if (already.length === CANDIDATES_MAX || text === "") return () => undefined;
  const timer = setTimeout(() => {
    getUsers(chat, text).then(
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
