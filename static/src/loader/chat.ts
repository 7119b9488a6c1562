// What a site's pages load first: it is small, loads the widget's chunk, and keeps the commands given until that is there.
//
// A classic script, because only such a one knows by which tag, with which settings and from where it was loaded.

import { fetchScript } from "./fetch-script.ts";

/** The files that chunks need, below the server's address, by their names; the build puts it here. */
declare const __CHUNKS__: Readonly<Record<string, readonly string[]>> & { readonly widget: readonly [string] };

/** How often the chunk is asked for before the loader gives up, and how long to wait before the second time. */
const ATTEMPTS = 5;
const PAUSE_MS = 1000;

async function load(script: HTMLScriptElement): Promise<void> {
  // The loader lies beside the pages and, under a name by its content, among the chunks.
  const base = new URL(/\/static\/[^/]*$/.test(new URL(script.src).pathname) ? ".." : ".", script.src).href;
  const parsed = new Promise<void>((resolve) => {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => resolve(), { once: true });
    else resolve();
  });
  const chunks = __CHUNKS__;
  const address = base + chunks.widget[0];
  await fetchWidget(address);
  const widget = (await import(/* @vite-ignore */ address)) as Pick<typeof import("../widget/main.ts"), "start">;
  await parsed;
  widget.start(script, base, chunks);
}

async function fetchWidget(address: string, attempt = 1): Promise<void> {
  try {
    await fetchScript(address);
  } catch (error) {
    if (attempt === ATTEMPTS) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * 3 ** (attempt - 1)));
    await fetchWidget(address, attempt + 1);
  }
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  // An element with the id "chat" would answer to `window.chat` too.
  if (typeof window.chat !== "function") {
    const early: EarlyChat = (...command) => void (early.q ??= []).push(command);
    window.chat = early;
  }
  load(script).catch((error: unknown) => console.error("parlour: the chat could not be loaded", error));
} else {
  console.error('parlour: chat.js has to be loaded without type="module"');
}
