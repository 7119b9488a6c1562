/**
 * Has the browser keep a script in its cache, without running it.
 *
 * Importing a module can fail only once: Chromium never asks for it again in the same page. So scripts are asked for like
 * this first, which may fail, as in a tunnel, and be tried again; the import then finds them in the cache.
 *
 * @throws when it cannot be loaded.
 */
export async function fetchScript(address: string): Promise<void> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} could not be loaded`);
  await response.arrayBuffer();
}
