// The class that pages of the original server use, as they use it.
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { ErlexChat } from "../../src/erlex-chat.js";
import { eventually, PASSWORD, startServer, uniqueName, WebSocket, type Server } from "./support.js";

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

it("signs in, joins, sends and listens", async () => {
  const seen = new Map<string, string[]>();
  const typing: string[] = [];
  const people = async (name: string) => {
    const username = uniqueName(name);
    await server.rest().ok("POST", "/auth/register", { username, password: PASSWORD });
    const chat = new ErlexChat({ baseUrl: server.url, tenant: "default", WebSocket });
    onTestFinished(() => chat.parlour.destroy());
    expect((await chat.login(username, PASSWORD)).username).toBe(username);
    await chat.connect();
    const said: string[] = [];
    seen.set(name, said);
    return { chat, username, said };
  };
  const ann = await people("ann");
  const ben = await people("ben");

  const [room] = (await ann.chat.getRooms()).filter(({ slug }) => slug === "tech-talk");
  await ann.chat.joinRoom(room!.id, { onMessage: ({ content }) => ann.said.push(content) });
  await ann.chat.sendMessage(room!.id, "first");

  const history: string[] = [];
  let present: string[] = [];
  await ben.chat.joinRoom(room!.id, {
    onHistory: (messages) => history.push(...messages.map(({ content }) => content)),
    onMessage: ({ user, content }) => ben.said.push(`${user.username}: ${content}`),
    onTyping: ({ username }) => typing.push(username),
    onPresence: (users) => (present = users.map(({ username }) => username)),
  });
  expect(history).toEqual(["first"]);
  await eventually(() => present.includes(ann.username) && present.includes(ben.username), "both");
  (await ann.chat.parlour.joinRoom(room!.id)).startTyping();
  await eventually(() => typing.includes(ann.username), "the notice");
  await ann.chat.sendMessage(room!.id, "second");
  await ben.chat.sendMessage(room!.id, "third");
  await eventually(() => ann.said.length === 3 && ben.said.length === 2, "everything that was said");
  expect(ann.said).toEqual(["first", "second", "third"]);
  expect(ben.said).toEqual([`${ann.username}: second`, `${ben.username}: third`]);

  await expect(ann.chat.sendMessage("nowhere", "hello")).rejects.toMatchObject({ code: "not_joined" });
  await expect(ann.chat.sendMessage(room!.id, " ")).rejects.toMatchObject({ code: "invalid" });
  ben.chat.disconnect();
  expect(ben.chat.parlour.state).toBe("idle");
});
