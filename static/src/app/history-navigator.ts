// Places of the shell in the address bar, so that rooms can be linked to, and the browser's back button leads back.
import type { UserRef } from "parlour-client";
import { useMemo, useState } from "preact/hooks";
import { useListener } from "../ui/hooks.ts";
import type { Aside, Navigator, Place } from "../ui/shell/navigation.ts";

/** A navigator over `history`: the room is in the address (`?room=general`), what is beside it in the entry's state. */
export function useHistoryNavigator(): Navigator {
  const [place, setPlace] = useState(current);
  useListener(window, "popstate", () => setPlace(current()));
  return useMemo(() => {
    const replace = (next: Place): void => {
      history.replaceState({ aside: next.aside, depth: depth() }, "", address(next));
      setPlace(next);
    };
    return {
      place,
      go(next) {
        history.pushState({ aside: next.aside, depth: depth() + 1 }, "", address(next));
        setPlace(next);
      },
      replace,
      back(fallback) {
        if (depth() > 0) history.back();
        else replace(fallback);
      },
    };
  }, [place]);
}

/** The address of a place, with what else stands in the current one. */
function address(place: Place): string {
  const url = new URL(location.href);
  url.hash = "";
  set(url, "room", place.room);
  set(url, "discover", place.discover ? "1" : null);
  return url.href;
}

function set(url: URL, name: string, value: string | null): void {
  if (value === null) url.searchParams.delete(name);
  else url.searchParams.set(name, value);
}

function current(): Place {
  const params = new URLSearchParams(location.search);
  const room = params.get("room") || null;
  return { room, discover: room === null && params.has("discover"), aside: room === null ? null : asideOf(state()["aside"]) };
}

/** How many entries of the page's own lie before the current one. */
function depth(): number {
  const value = state()["depth"];
  return typeof value === "number" ? value : 0;
}

function state(): Record<string, unknown> {
  return record(history.state) ?? {};
}

function asideOf(value: unknown): Aside | null {
  const aside = record(value);
  if (aside?.["kind"] === "details") return { kind: "details" };
  if (aside?.["kind"] === "thread" && typeof aside["rootId"] === "string") return { kind: "thread", rootId: aside["rootId"] };
  const user = aside?.["kind"] === "person" ? userOf(aside["user"]) : null;
  return user && { kind: "person", user };
}

/** Entries of a history may have been written by another version of this page. */
function userOf(value: unknown): UserRef | null {
  const { id, username, name, avatarUrl } = record(value) ?? {};
  if (typeof id !== "string" || typeof username !== "string") return null;
  return {
    id,
    username,
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof avatarUrl === "string" && avatarUrl.startsWith("https:") ? { avatarUrl } : {}),
  };
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : null;
}
