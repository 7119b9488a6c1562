// The widget's chunk: it defines the element, and gives the page its `window.chat`.
import { setChunks, type ChunkFiles } from "./chunks.ts";
import { ParlourChat } from "./element.ts";
import { HostPage } from "./host-page.ts";

const NAME = "parlour-chat";

type Start = (script: HTMLScriptElement, base: string, chunks: ChunkFiles) => void;

/** By what their script tags ask for. */
const pages = new Map<string, HostPage>();

/**
 * Called by the loader once the page is parsed. `base` is the address of the server that the script came from, `chunks`
 * are the files below it that are loaded later.
 *
 * The commands of `window.chat` are about the first script tag of a page; a further one makes a chat of its own, unless
 * it asks for the same: pages that change without being loaded anew put a tag in again, and tag managers do it twice.
 */
function begin(script: HTMLScriptElement, base: string, chunks: ChunkFiles): void {
  setChunks(base, chunks);
  const { server, tenant, room, mode, target } = script.dataset;
  const key = JSON.stringify([base, server, tenant, room, mode, target]);
  const known = pages.get(key);
  const page = known ?? new HostPage(script, base);
  pages.set(key, page);
  page.begin(script, pages.size === 1 && !known ? takeQueue(page) : []);
}

/** What was said so far; from here on commands run at once, those of a page that has kept the old function, too. */
function takeQueue(page: HostPage): readonly ArrayLike<unknown>[] {
  const early = window.chat?.q;
  const chat: EarlyChat = (...command) => page.run(...command);
  chat.q = { push: (command) => page.run(...Array.from(command)) };
  window.chat = chat;
  return Array.isArray(early) ? early : [];
}

// A page may load the chat more than once, from two servers for instance: the first one serves all.
const defined: unknown = customElements.get(NAME);
if (!defined) customElements.define(NAME, Object.assign(ParlourChat, { start: begin }));

export const start: Start = isStarted(defined) ? defined.start : begin;

function isStarted(constructor: unknown): constructor is { start: Start } {
  return typeof constructor === "function" && "start" in constructor;
}
