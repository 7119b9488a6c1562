// @ts-check
// Fails when what a visitor has to load has grown above its budget. Sizes are those of the gzipped files of dist/.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, mergeConfig } from "vite";
import shared from "../vite.config.mjs";

const DIST = new URL("../dist/", import.meta.url);
const CLIENT = fileURLToPath(new URL("../client/src/index.ts", import.meta.url));
const PHOENIX = fileURLToPath(new URL("../node_modules/phoenix/priv/static/phoenix.mjs", import.meta.url));
const LOCALES = readdirSync(new URL("../src/locales/", import.meta.url));
const CHUNKS = readdirSync(new URL("static/", DIST)).filter((file) => file.endsWith(".js"));

let failed = false;

/** What else stands on. */
const WIDGET = needed(...chunks("widget"));
const PANEL = needed(...WIDGET, ...chunks("panel"));
const APP = needed("index.html");
const CHAT = on(APP, "chat-page");

/** What is loaded for what, and how many kilobytes (of 1000 bytes) it may be. @type {[string, string[], number][]} */
const BUDGETS = [
  ["loader", ["chat.js"], 1.5],
  ["widget, closed", WIDGET, 9],
  // Texts are apart, below: they are those of one language.
  ["widget, until one can write", PANEL, 58],
  ["widget, and tools for messages", on(PANEL, "toolbox"), 66],
  ["widget, and rooms and files", on(PANEL, "toolbox", "files-chunk", "panes"), 78],
  ["app, signed out", on(APP, "entrance", "forms"), 60],
  ["app, signed in", CHAT, 60],
  ["app, and lists and tools", on(CHAT, "toolbox", "panes"), 72],
  ["doctor", needed("embed/doctor.html"), 60],
  ["emoji", chunks("emoji"), 25],
  ...LOCALES.flatMap((locale) => chunks(locale).map((file) => /** @type {[string, string[], number]} */ ([file, [file], 4]))),
];

for (const [what, files, kilobytes] of BUDGETS) {
  report(what, files.reduce((sum, file) => sum + transferred(file), 0), kilobytes);
}
report("client library, above phoenix", await clientLibrary(), 10);
process.exitCode = failed ? 1 : 0;

/**
 * @param {string} what
 * @param {number} bytes
 * @param {number} kilobytes
 */
function report(what, bytes, kilobytes) {
  const size = bytes / 1000;
  if (size > kilobytes) failed = true;
  console.log(`${what.padEnd(30)} ${size.toFixed(1).padStart(5)} of ${kilobytes} kB${size > kilobytes ? "  TOO BIG" : ""}`);
}

/** @param {string} file */
function transferred(file) {
  const compressed = statSync(new URL(`${file}.gz`, DIST), { throwIfNoEntry: false });
  return (compressed ?? statSync(new URL(file, DIST))).size;
}

/**
 * The chunks of this name, whatever their content. There is at least one.
 *
 * @param {string} name
 */
function chunks(name) {
  const found = CHUNKS.filter((file) => file.slice(0, -"-12345678.js".length) === name);
  if (found.length === 0) {
    failed = true;
    console.error(`dist/static has no chunk ${name}`);
  }
  return found.map((file) => `static/${file}`);
}

/**
 * These files and what they cannot start without: the scripts and styles of a page, what scripts import.
 *
 * @param {string[]} first
 */
function needed(...first) {
  const found = new Set(first);
  for (const file of found) {
    const text = readFileSync(new URL(file, DIST), "utf8");
    const named = file.endsWith(".html")
      ? text.matchAll(/(static\/[\w-]+\.(?:js|css))"/g)
      : text.matchAll(/(?:^|[;}])\s*(?:import|export)\s*(?:[^"'`;()]*?from\s*)?["'`]\.\/([\w-]+\.js)["'`]/g);
    for (const [, name = ""] of named) found.add(file.endsWith(".html") ? name : `static/${name}`);
  }
  return [...found];
}

/**
 * These files and the chunks of these names that were built to stand on them.
 *
 * @param {string[]} base
 * @param {string[]} names
 */
function on(base, ...names) {
  const later = names.flatMap(chunks).filter((file) => needed(file).some((each) => base.includes(each)));
  return needed(...base, ...later);
}

/**
 * What the client library adds to a page that has the official client: both together, less that one alone.
 */
async function clientLibrary() {
  return (await bundled(CLIENT)) - (await bundled(PHOENIX));
}

/**
 * The size of a library as an application's own build makes it.
 *
 * @param {string} entry
 */
async function bundled(entry) {
  const alone = {
    configFile: /** @type {const} */ (false),
    logLevel: /** @type {const} */ ("warn"),
    build: {
      target: "es2022",
      write: false,
      lib: { entry, formats: /** @type {["es"]} */ (["es"]), fileName: "library" },
      rollupOptions: { output: { minify: true } },
    },
  };
  const result = await build(mergeConfig(shared, alone));
  const outputs = Array.isArray(result) ? result : [result];
  const built = outputs.flatMap((output) => ("output" in output ? output.output : []));
  const code = built.map((file) => ("code" in file ? file.code : "")).join("");
  // Notes for the application's build, which are gone after it.
  return gzipSync(code.replaceAll("/* @__PURE__ */ ", ""), { level: 9 }).length;
}
