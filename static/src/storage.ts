// What is kept in the visitor's browser. Storage may be blocked, full, or throw when it is merely looked at; then things
// are kept for as long as the page lives.

/** How long the browser keeps it: for good, or until the tab is closed. */
export type StorageKind = "localStorage" | "sessionStorage";

const memory = new Map<string, string>();

/** The value kept under a name; `null` when there is none. */
export function read(kind: StorageKind, name: string): string | null {
  return attempt(() => window[kind].getItem(name)) ?? memory.get(name) ?? null;
}

/** Keeps a value; `null` forgets it. */
export function write(kind: StorageKind, name: string, value: string | null): void {
  memory.delete(name);
  if (value === null) attempt(() => window[kind].removeItem(name));
  else if (!attempt(() => (window[kind].setItem(name, value), true))) memory.set(name, value);
}

/** What the function gives; `null` when it throws, as everything about storage may. */
export function attempt<Result>(act: () => Result): Result | null {
  try {
    return act();
  } catch {
    return null;
  }
}
