// The chunks that are loaded later.
import { fetchScript } from "../loader/fetch-script.ts";

/** Their addresses by their names, as the loader tells them. */
let addresses: ReadonlyMap<string, string> = new Map();
const fetched = new Map<string, Promise<void>>();

/** `files` are below the server's address, by the names of the chunks. */
export function setChunks(base: string, files: Readonly<Record<string, string>>): void {
  addresses = new Map(Object.entries(files).map(([name, file]) => [name, base + file]));
}

/**
 * Has a chunk ready, so that importing it succeeds.
 *
 * @throws when it cannot be loaded; it may be tried again.
 */
export function fetchChunk(name: string): Promise<void> {
  const address = addresses.get(name);
  if (address === undefined) return Promise.resolve();
  let fetching = fetched.get(name);
  if (!fetching) {
    fetching = fetchScript(address);
    fetched.set(name, fetching);
    fetching.catch(() => fetched.delete(name));
  }
  return fetching;
}
