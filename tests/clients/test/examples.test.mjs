// @ts-check
// The examples, run for real.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, describe, it } from "node:test";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { VARIANTS, connect } from "../support/clients.mjs";
import { startServer } from "../support/server.mjs";
import { Mailbox, within } from "../support/wait.mjs";

const examples = fileURLToPath(new URL("../../../examples/", import.meta.url));
const client = `${examples}node-client`;
const server = await startServer();
after(() => server.stop());

if (!existsSync(`${client}/node_modules/phoenix`)) {
  const installed = spawnSync("npm", ["ci", "--prefer-offline"], { cwd: client, encoding: "utf8" });
  assert.equal(installed.status, 0, installed.stderr);
}

/**
 * A program of the examples at work.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} command
 * @param {string[]} words
 * @param {Record<string, string>} [environment]
 */
function run(t, command, words, environment = {}) {
  const child = spawn(command, words, { env: { PATH: process.env["PATH"] ?? "", ...environment } });
  t.after(() => child.kill("SIGKILL"));
  /** @type {Mailbox<string>} */
  const output = new Mailbox(`output of ${command} ${words.join(" ")}`);
  createInterface({ input: child.stdout }).on("line", (line) => output.put(line));
  createInterface({ input: child.stderr }).on("line", (line) => output.put(line));
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve) => child.once("close", resolve));
  return {
    ended,
    type: (/** @type {string} */ line) => child.stdin.write(`${line}\n`),
    line: (/** @type {RegExp} */ pattern) => output.take((line) => pattern.test(line), String(pattern), 15_000),
    lines: () => output.seen(),
  };
}

describe("examples", { concurrency: true }, () => {
  it("the walk with curl", async (t) => {
    const walk = run(t, `${examples}curl.sh`, [server.url]);
    const code = await within(walk.ended, "the end of the walk", 30_000);
    const output = walk.lines().join("\n");
    assert.equal(code, 0, output);
    assert.equal(walk.lines().at(-1), "Done.");
    for (const expected of [
      /"token":"/,
      /"slug":"general"/,
      /"role":"admin"/,
      /"member_count":2/,
      /"content":"Moby-Dick"/,
      /"content":"What shall we read\?"/,
      /"content":"Just between us"/,
      /GET \/auth\/me is answered 401/,
    ]) {
      assert.match(output, expected);
    }
  });

  it("the walk with curl fails when something is not as it should be", async (t) => {
    const walk = run(t, `${examples}curl.sh`, [`${server.url}/nowhere`]);
    assert.notEqual(await within(walk.ended, "the end of the walk", 30_000), 0);
  });

  it("the chat client for Node sends what is piped into it", async (t) => {
    const words = [`${client}/chat.mjs`, "--url", server.url, "--user", "piper"];
    const chat = run(t, process.execPath, words, { PARLOUR_PASSWORD: "a password of some length" });
    chat.type("from a pipe");
    chat.type("/quit");
    assert.equal(await within(chat.ended, "the client's end", 15_000), 0);
    const reader = await server.user("reader");
    assert.ok((await reader.rest.messages("general")).some(({ content }) => content === "from a pipe"));
  });

  it("the chat client for Node", async (t) => {
    const [variant] = VARIANTS;
    assert.ok(variant);
    const bob = await server.user("bob");
    const room = await bob.rest.room({ name: "The Example" });
    for (let number = 1; number <= 51; number += 1) await bob.rest.send(room.id, `old message ${number}`);

    const words = [`${client}/chat.mjs`, "--url", server.url, "--user", "node-ann", "--room", room.slug];
    const chat = run(t, process.execPath, words, { PARLOUR_PASSWORD: "a password of some length" });
    await chat.line(/^Signed in as node-ann\.$/);
    await chat.line(/^Rooms: .*general.*the-example/);
    await chat.line(/^You are in The Example\./);
    await chat.line(new RegExp(`^\\d\\d:\\d\\d ${bob.username}: old message 51$`));

    const member = await connect(t, variant, bob).join(`room:${room.id}`);
    await chat.line(new RegExp(`^\\* ${bob.username} is here$`));
    member.channel.push("typing", {});
    await chat.line(new RegExp(`^\\* ${bob.username} is typing$`));
    await member.send("hello from bob");
    await chat.line(new RegExp(`^\\d\\d:\\d\\d ${bob.username}: hello from bob$`));

    chat.type("hello from the terminal");
    const message = await member.take("new_message", ({ content }) => content === "hello from the terminal");
    assert.equal(message.user.username, "node-ann");
    await chat.line(/^\d\d:\d\d node-ann: hello from the terminal$/);
    chat.type("x".repeat(2001));
    await chat.line(/^! not sent: .*content/);
    chat.type("/who");
    const here = await chat.line(/^Here: /);
    assert.ok(here.includes("node-ann") && here.includes(bob.username), here);
    chat.type("/more");
    await chat.line(/old message 1$/);
    await chat.line(/That is the beginning/);

    await member.leave();
    await chat.line(new RegExp(`^\\* ${bob.username} has left$`));
    chat.type("/quit");
    assert.equal(await within(chat.ended, "the client's end"), 0);

    const again = run(t, process.execPath, words, { PARLOUR_PASSWORD: "not this one" });
    await again.line(/^Cannot sign in/);
    assert.equal(await within(again.ended, "the client's end"), 1);
  });
});
