// @ts-check
// Builds the package that `npm pack` makes: modules, their types, and the licences.
import { execFileSync } from "node:child_process";
import { copyFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ENTRIES = ["index", "accounts", "changes", "directory", "erlex-chat", "indexed-db", "page-room", "tenant", "thread", "uploads"];
const TSC = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

await rm(join(HERE, "dist"), { recursive: true, force: true });
await build({
  configFile: false,
  root: HERE,
  logLevel: "warn",
  build: {
    target: "es2022",
    lib: {
      entry: Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`])),
      formats: ["es"],
    },
    // Whoever bundles it makes it small; until then errors have readable lines.
    minify: false,
    rollupOptions: { external: ["phoenix"], output: { chunkFileNames: "[name].js" } },
  },
});
execFileSync(process.execPath, [TSC, "-p", HERE], { stdio: "inherit" });
for (const name of ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"]) {
  await copyFile(join(HERE, "../..", name), join(HERE, name));
}
