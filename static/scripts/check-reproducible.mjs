// @ts-check
// Fails when dist/ is not, byte for byte, what its sources are built into: by a step that depends on when or where it
// runs, or because it was built of other sources.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { files } from "./files.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const BUILD = fileURLToPath(new URL("build.mjs", import.meta.url));

const temporary = await mkdtemp(join(tmpdir(), "parlour-ui-"));
try {
  const again = join(temporary, "dist");
  await promisify(execFile)(process.execPath, [BUILD, again]);
  const [first, second] = await Promise.all([contents(DIST), contents(again)]);
  const differing = [...new Set([...first.keys(), ...second.keys()])].filter(
    (name) => !first.get(name)?.equals(second.get(name) ?? Buffer.of()),
  );
  if (differing.length > 0) throw new Error(`two builds differ in ${differing.join(", ")}`);
  console.log(`${first.size} files, built twice, are the same`);
} finally {
  await rm(temporary, { recursive: true });
}

/**
 * Every file of a build by its name.
 *
 * @param {string} folder
 */
async function contents(folder) {
  const paths = await files(folder);
  const read = paths.map(async (path) => /** @type {const} */ ([relative(folder, path), await readFile(path)]));
  return new Map(await Promise.all(read));
}
