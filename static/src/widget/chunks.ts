// The chunks that are loaded later.
import { fetchScript } from "../loader/fetch-script.ts";

/** By the names of chunks the addresses of their files and of those that they import, as the loader tells them. */
let addresses: ReadonlyMap<string, readonly string[]> = new Map();
const fetched = new Map<string, Promise<void>>();

/** Files below the server's address, by the names of the chunks that need them. */
export type ChunkFiles = Readonly<Record<string, readonly string[]>>;

/** `files` are below `base`, the server's address. */
export function setChunks(base: string, files: ChunkFiles): void {
  addresses = new Map(Object.entries(files).map(([name, needed]) => [name, needed.map((file) => base + file)]));
}

/**
 * Has a chunk ready, so that importing it succeeds.
 *
 * @throws when it cannot be loaded; it may be tried again.
 */
export async function fetchChunk(name: string): Promise<void> {
  await Promise.all((addresses.get(name) ?? []).map(fetchOnce));
}

function fetchOnce(address: string): Promise<void> {
  let fetching = fetched.get(address);
  if (!fetching) {
    fetching = fetchScript(address);
    fetched.set(address, fetching);
    fetching.catch(() => fetched.delete(address));
  }
  return fetching;
}
