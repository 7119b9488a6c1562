// Files, from one client to the other.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { target, type Site, type Target } from "../../../../tests/clients/test/security/support/target.mjs";
import { register } from "../../src/accounts.js";
import { deleteMessage } from "../../src/changes.js";
import { createRoom } from "../../src/directory.js";
import type { Message, Parlour, Room } from "../../src/index.js";
import { tenantInfo } from "../../src/tenant.js";
import { upload } from "../../src/uploads.js";
import { client, eventually, PASSWORD, uniqueName, type Server } from "./support.js";

let chatServer: Target;
let server: Server;
let site: Site;
let hers: Room;
let his: Room;

beforeAll(async () => {
  chatServer = await target();
  server = chatServer.server!;
  site = await chatServer.site({ settings: { settings: { upload_bytes_max: 1000 } } });
});
afterAll(() => chatServer.close());
beforeEach(async () => {
  const [ann, ben] = await Promise.all([somebody("ann"), somebody("ben")]);
  hers = await createRoom(ann, { name: "Pictures" });
  his = await ben.joinRoom(hers.info.slug ?? "");
});

async function somebody(name: string): Promise<Parlour> {
  const chat = client(server, { tenant: site.slug });
  await register(chat, uniqueName(name), PASSWORD);
  return chat;
}

/** Waits until a room shows a message with files that the server has. */
function withFiles(room: Room): Promise<Message> {
  const there = ({ attachments, state }: Message) => attachments.length > 0 && state === "sent";
  return eventually(() => room.messages.find(there), "a message with files");
}

describe("files", () => {
  it("are uploaded, sent without a text, and found by others", async () => {
    const attachment = await upload(hers, new Blob(["at eight"]), { name: "plan.txt" });
    expect(attachment).toMatchObject({ name: "plan.txt", mediaType: "application/octet-stream", bytes: 8, width: null });
    const pending = hers.send("", { attachments: [attachment] });
    expect(pending).toMatchObject({ state: "pending", content: "", attachments: [attachment] });
    const arrived = await withFiles(his);
    expect(arrived.attachments).toEqual([attachment]);
    expect(await (await fetch(arrived.attachments[0]!.url)).text()).toBe("at eight");
    expect((await withFiles(hers)).key).toBe(pending.key);
    await deleteMessage(hers, arrived.id!);
    await eventually(() => his.messages[0]?.attachments.length === 0, "the files to be gone");
  });

  it("have their own names unless another is given", async () => {
    expect(await upload(hers, new File(["x"], "own.txt"))).toMatchObject({ name: "own.txt" });
    expect(await upload(hers, new Blob(["x"]))).toMatchObject({ name: "file" });
  });

  it("that are refused say why", async () => {
    await expect(upload(hers, new Blob(["x".repeat(1001)]))).rejects.toMatchObject({ code: "body_too_large", status: 413 });
    await expect(upload(hers, new Blob([]))).rejects.toMatchObject({ code: "invalid", fields: { body: ["must not be empty"] } });
    const attachment = await upload(hers, new Blob(["x"]));
    hers.send("mine", { attachments: [attachment] });
    await withFiles(hers);
    const { key } = hers.send("again", { attachments: [attachment] });
    const failed = () => hers.messages.find((message) => message.key === key && message.state === "failed");
    expect((await eventually(failed, "the refusal")).failure).toMatchObject({ code: "invalid" });
  });

  it("can be given up on their way", async () => {
    const signal = AbortSignal.abort();
    await expect(upload(hers, new Blob(["x"]), { signal })).rejects.toMatchObject({ code: "aborted" });
  });

  it("can be sent where the tenant says how large", async () => {
    expect(await tenantInfo(client(server, { tenant: site.slug }))).toMatchObject({ uploadBytesMax: 1000 });
  });
});
