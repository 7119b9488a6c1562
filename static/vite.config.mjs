// @ts-check
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/**
 * A dynamic import as it is written. Vite wraps it to load styles beside the chunk, of which there are none: ours come as
 * texts. The wrapper would be in front of everything, and tell the page by an event of its own what fails.
 *
 * @type {import("vite").Plugin}
 */
const plainImports = {
  name: "plain-imports",
  enforce: "pre",
  load: (id) => (id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : null),
};

/** What every build and the unit tests share. The builds themselves are in scripts/build.mjs. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // The server may be installed under a path: every address is relative to the file that names it.
  base: "./",
  plugins: [plainImports],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: {
    alias: [
      { find: /^parlour-client$/, replacement: fileURLToPath(new URL("./client/src/index.ts", import.meta.url)) },
      { find: /^parlour-client\/(.*)$/, replacement: fileURLToPath(new URL("./client/src/$1.ts", import.meta.url)) },
    ],
  },
});
