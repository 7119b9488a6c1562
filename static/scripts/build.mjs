// @ts-check
// Builds everything, laid out as it is served (ARCHITECTURE.md, "The web side"), into dist/ or the folder that is named:
//
//   node scripts/build.mjs [folder]
//
// Four builds and not one, so that no part waits for a chunk that it shares with another: the pages, the widget (one
// chunk, and lazy ones), the loader that names the widget's chunk, and the client library.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build, mergeConfig } from "vite";
import shared from "../vite.config.mjs";
import { files } from "./files.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TARGET = resolve(process.argv[2] ?? join(ROOT, "dist"));

/** Every chunk is named by its content, and may be cached for ever. */
const HASHED = {
  entryFileNames: "static/[name]-[hash].js",
  chunkFileNames: "static/[name]-[hash].js",
  assetFileNames: "static/[name]-[hash][extname]",
};

// Built beside it and put in its place when everything is there: half a build is never served, or taken for a whole one.
const folder = `${TARGET}.${process.pid}`;
try {
  await mkdir(join(folder, "static"), { recursive: true });
  await buildAll();
  await rm(TARGET, { recursive: true, force: true });
  await rename(folder, TARGET);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function buildAll() {
  const pages = await bundle({
    rollupOptions: { input: [join(ROOT, "index.html"), join(ROOT, "embed/doctor.html")], output: HASHED },
  });
  const widget = await bundle({
    rollupOptions: {
      input: { widget: join(ROOT, "src/widget/main.ts") },
      output: {
        ...HASHED,
        // Two chunks, however many lazy ones share something with them: what a page with a closed launcher needs, and
        // what the panel needs. Smaller chunks would have to be waited for one after another.
        codeSplitting: {
          groups: [
            { name: "widget", tags: ["$initial"], priority: 2 },
            { name: "panel", test: /src\/widget\/panel\.tsx$/, priority: 1 },
          ],
        },
      },
      preserveEntrySignatures: "allow-extension",
    },
  });
  const loader = await bundle({
    define: { __CHUNKS__: JSON.stringify(named(widget)) },
    rollupOptions: {
      input: { chat: join(ROOT, "src/loader/chat.ts") },
      output: { format: "iife", entryFileNames: "[name].js" },
    },
  });
  const client = await bundle({
    rollupOptions: {
      input: { "parlour-client": join(ROOT, "client/src/browser.ts") },
      // One file, which pages may pin by its hash.
      output: { format: "es", entryFileNames: "[name].js", codeSplitting: false },
      preserveEntrySignatures: "strict",
    },
  });
  await publishLoader();
  await writeLicenses([...pages, ...widget, ...loader, ...client]);
  await writeIntegrity();
  await compress();
}

/**
 * The files of the widget's chunk and of all that it loads later, by their names, each with those that it imports and
 * that are not there before it.
 *
 * @param {readonly import("vite").Rollup.OutputChunk[]} chunks
 * @returns {Record<string, string[]>}
 */
function named(chunks) {
  const file = (/** @type {string} */ name) => chunks.find((chunk) => chunk.name === name)?.fileName ?? "";
  const [widget, panel] = [file("widget"), file("panel")];
  if (!widget || !panel) throw new Error("the widget's build has no chunk for the launcher, or for the panel");
  const entries = chunks.filter(({ isEntry, isDynamicEntry, name }) => isEntry || isDynamicEntry || name === "panel");
  return Object.fromEntries(
    entries.map(({ name, fileName }) => {
      const needed = new Set([fileName]);
      for (const each of needed) {
        const { imports = [] } = chunks.find((chunk) => chunk.fileName === each) ?? {};
        for (const imported of imports) if (imported !== widget && imported !== panel) needed.add(imported);
      }
      return [name, [...needed]];
    }),
  );
}

/**
 * One build into the folder.
 *
 * @param {import("vite").BuildOptions & { define?: Record<string, string> }} options
 */
async function bundle({ define = {}, ...options }) {
  const result = await build(
    mergeConfig(shared, {
      configFile: false,
      logLevel: "warn",
      define,
      build: {
        target: "es2022",
        outDir: folder,
        emptyOutDir: false,
        assetsInlineLimit: 0,
        modulePreload: false,
        reportCompressedSize: false,
        ...options,
      },
    }),
  );
  const outputs = Array.isArray(result) ? result : [result];
  return outputs.flatMap((output) => ("output" in output ? output.output : [])).filter((file) => file.type === "chunk");
}

/** The loader under a name by its content too: a page that pins it by its hash needs a file that never changes. */
async function publishLoader() {
  const text = await readFile(join(folder, "chat.js"));
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 8);
  await writeFile(join(folder, `static/chat-${hash}.js`), text);
}

/**
 * The notices of what is bundled, as their licences ask for.
 *
 * @param {{ moduleIds: string[] }[]} chunks
 */
async function writeLicenses(chunks) {
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
  const names = modules.flatMap((id) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? []);
  const parts = [];
  for (const name of [...new Set(names)].sort()) {
    const packageFolder = join(ROOT, "node_modules", name);
    /** @type {{ version: string, license: string }} */
    const { version, license } = JSON.parse(await readFile(join(packageFolder, "package.json"), "utf8"));
    const file = (await readdir(packageFolder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file`);
    parts.push(`${name} ${version} (${license})\n\n${(await readFile(join(packageFolder, file), "utf8")).trim()}\n`);
  }
  await writeFile(join(folder, "static/LICENSES"), parts.join(`\n${"-".repeat(80)}\n\n`));
}

/** `integrity` values of every script, for pages that pin them. */
async function writeIntegrity() {
  /** @type {Record<string, string>} */
  const values = {};
  for (const file of await files(folder)) {
    if (!file.endsWith(".js")) continue;
    const digest = createHash("sha384").update(await readFile(file)).digest("base64");
    values[relative(folder, file)] = `sha384-${digest}`;
  }
  await writeFile(join(folder, "static/integrity.json"), `${JSON.stringify(values, null, 2)}\n`);
}

/** Beside each file what was compressed of it, as small as it gets: compressing is done once, here. */
async function compress() {
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  for (const file of await files(folder)) {
    const content = await readFile(file);
    const forms = {
      gz: await promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }),
      br: await promisify(brotliCompress)(content, { params }),
    };
    for (const [suffix, form] of Object.entries(forms)) {
      if (form.length < content.length) await writeFile(`${file}.${suffix}`, form);
    }
  }
}
