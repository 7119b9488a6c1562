// @ts-check
// The page about embedding, followed to the letter: its commands are typed, its programs run, and what they sign opens
// the chat.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { target } from "./security/support/target.mjs";

const PAGE = readFileSync(new URL("../../../docs/embedding.md", import.meta.url), "utf8");

/** How programs of the page are run: by the language of their block, the file's name, and the command before it. */
const RUNTIMES = [
  { language: "js", file: "token.mjs", command: ["node"] },
  { language: "python", file: "token.py", command: ["python3"] },
  { language: "php", file: "token.php", command: ["php"] },
  { language: "ruby", file: "token.rb", command: ["ruby"] },
  { language: "go", file: "token.go", command: ["go", "run"] },
];

/**
 * Runs a program while this process goes on: one that stood still would not hear of connections that end meanwhile.
 *
 * @param {string} program
 * @param {string[]} words
 * @param {import("node:child_process").ExecFileOptions} options
 * @returns {Promise<{error: import("node:child_process").ExecFileException | null, stdout: string, stderr: string}>}
 */
function run(program, words, options) {
  return new Promise((resolve) => {
    execFile(program, words, { ...options, encoding: "utf8" }, (error, stdout, stderr) => {
      resolve({ error, stdout, stderr });
    });
  });
}

const server = await target();
after(() => server.close());
const site = await server.site();
const folder = mkdtempSync(join(tmpdir(), "parlour-embedding-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/**
 * The blocks of code in a language under a heading.
 *
 * @param {string} heading
 * @param {string} language
 */
function blocks(heading, language) {
  const [, section] = PAGE.split(`\n${heading}\n`);
  assert.ok(section, `the page has no ${heading}`);
  const [own = ""] = section.split(/\n## /);
  return [...own.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "gm"))].map(([, code = ""]) => code);
}

describe("embedding", () => {
  for (const { language, file, command } of RUNTIMES) {
    it(`a token signed with ${language}`, async (t) => {
      const [program, ...words] = command;
      const [code] = blocks("## Signing tokens", language);
      assert.ok(code && program, `the page has no program in ${language}`);
      const path = join(folder, file);
      writeFileSync(path, code);
      const ran = await run(program, [...words, path], {
        env: {
          ...process.env,
          CHAT_TENANT: site.slug,
          CHAT_KEY_ID: site.key.kid,
          CHAT_KEY_SECRET: String(site.key.material),
        },
      });
      if (ran.error?.code === "ENOENT") {
        t.skip(`not run: ${program} is not installed`);
        return;
      }
      assert.equal(ran.error, null, ran.stderr);
      const token = ran.stdout.trim();
      const { data } = await server.rest({ token }).ok("GET", "/auth/me");
      assert.deepEqual([data.name, data.kind], ["Ann", "host"]);
      assert.equal((await server.rest().request("POST", "/auth/exchange", { token })).status, 200);
    });
  }

  it("the commands, in their order", async () => {
    const commands = PAGE.split(/^```sh\n/m)
      .slice(1)
      .map((rest) => rest.split("\n```")[0] ?? "")
      .filter((block) => block.includes("curl"));
    assert.ok(commands.length >= 4);
    const script = ["set -euo pipefail", ...commands, `curl -s -X DELETE "$API/admin/tenants/my-shop" -H "$OPERATOR" -H "$JSON" -d '{"confirm":"my-shop"}'`];
    // Each answer has to be one that succeeded, and each is told apart from the next.
    const text = `curl() { command curl --fail-with-body "$@"; echo; }\n${script.join("\n")}\n`
      .replaceAll("http://localhost:4000", server.url)
      .replaceAll("$(cat data/operator_token)", server.operatorToken);
    const ran = await run("bash", ["-c", text], { cwd: folder });
    assert.equal(ran.error, null, `${ran.stdout}${ran.stderr}`);
    assert.doesNotMatch(ran.stdout, /"errors?":/);
  });
});
