// Parts of the chat that are loaded when they are needed, or just before, by the names of their chunks.

let prepare: (name: string) => Promise<void> = () => Promise.resolve();

/** `fetch` has the scripts of a chunk ready, so that importing it succeeds, or fails in a way that can be tried again. */
export function prepareChunks(fetch: (name: string) => Promise<void>): void {
  prepare = fetch;
}

/** @throws when it cannot be loaded; it may be tried again. */
export async function late<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  await prepare(name);
  return load();
}
