// The package as others get it: packed, installed beside phoenix, imported, and type-checked without our settings.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type Server } from "./support.js";

const CLIENT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = join(CLIENT, "../node_modules");
const run = promisify(execFile);

let folder: string;
let server: Server;

beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "parlour-package-"));
  await run("node", ["build.mjs"], { cwd: CLIENT });
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: CLIENT });
  const [archive] = readdirSync(folder);
  await run("tar", ["-xzf", archive ?? ""], { cwd: folder });
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(join(folder, "package"), join(folder, "node_modules/parlour-client"));
  for (const name of ["phoenix", "ws"]) symlinkSync(join(MODULES, name), join(folder, "node_modules", name));
  writeFileSync(join(folder, "package.json"), `{"type": "module"}`);
}, 60_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.stop();
});

describe("the package", () => {
  it("has what is needed, and nothing of the workshop", () => {
    const files = readdirSync(join(folder, "package"), { recursive: true }).map(String);
    for (const file of ["README.md", "LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "dist/index.js", "dist/index.d.ts"]) {
      expect(files).toContain(file);
    }
    for (const file of files) expect(file).not.toMatch(/^(src|test)|\.ts\.map$|build\.mjs|tsconfig/);
  });

  it("works where it is installed", async () => {
    const program = `
      import { Parlour } from "parlour-client";
      import { register } from "parlour-client/accounts";
      import { ErlexChat } from "parlour-client/erlex-chat";
      import { indexedDbQueue } from "parlour-client/indexed-db";
      import { WebSocket } from "ws";
      if (typeof ErlexChat !== "function" || typeof indexedDbQueue().load !== "function") throw new Error("incomplete");
      const chat = new Parlour({ url: ${JSON.stringify(server.url)}, WebSocket });
      await register(chat, "packed", "correct horse battery staple");
      const room = await chat.joinRoom("general");
      room.send("from the package");
      room.on("change", () => {
        const [message] = room.messages;
        if (message.state !== "sent") return;
        console.log(message.content);
        chat.destroy();
      });
    `;
    const { stdout } = await run("node", ["--input-type=module", "-e", program.replace(/^\s+/gm, "")], { cwd: folder });
    expect(stdout.trim()).toBe("from the package");
  }, 20_000);

  it("has types for strict programs", async () => {
    const program = `
      import { ChatError, displayName, Parlour, type Message, type Room } from "parlour-client";
      import { ErlexChat } from "parlour-client/erlex-chat";
      import { indexedDbQueue } from "parlour-client/indexed-db";
      const chat = new Parlour({ url: "https://chat.example", storage: indexedDbQueue() });
      const stop: () => void = chat.on("message", ({ room, message }: { room: Room; message: Message }) => {
        console.log(room.info.name, displayName(message.user), message.content);
      });
      chat.on("error", (error: ChatError) => console.log(error.code, error.retryAfterMs));
      // @ts-expect-error there is no such event
      chat.on("nothing", () => {});
      // @ts-expect-error what is internal is not there
      chat.outbox;
      new ErlexChat({ baseUrl: "https://chat.example" });
      stop();
    `;
    writeFileSync(join(folder, "program.ts"), program);
    const options = ["--strict", "--exactOptionalPropertyTypes", "--noEmit", "--lib", "es2022,dom", "--target", "es2022"];
    const modules = ["--module", "nodenext", "--moduleResolution", "nodenext", "--skipLibCheck", "false", "--types", ""];
    const tsc = join(dirname(fileURLToPath(import.meta.resolve("typescript/package.json"))), "bin/tsc");
    await run("node", [tsc, ...options, ...modules, "program.ts"], { cwd: folder }).catch(({ stdout }) => {
      throw new Error(stdout);
    });
  }, 20_000);
});
