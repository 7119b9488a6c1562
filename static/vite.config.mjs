// @ts-check
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** What every build and the unit tests share. The builds themselves are in scripts/build.mjs. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // The server may be installed under a path: every address is relative to the file that names it.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: {
    alias: [
      { find: /^parlour-client$/, replacement: fileURLToPath(new URL("./client/src/index.ts", import.meta.url)) },
      { find: /^parlour-client\/(.*)$/, replacement: fileURLToPath(new URL("./client/src/$1.ts", import.meta.url)) },
    ],
  },
});
