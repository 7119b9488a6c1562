// Two people in a room, from the first message to the last change.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { deleteMessage, editMessage, markUnread, pin, react, unreact } from "../../src/changes.js";
import { createRoom, directMessage } from "../../src/directory.js";
import type { Parlour, Room } from "../../src/index.js";
import { openThread } from "../../src/thread.js";
import { eventually, heldAnswers, registered, sent, startServer, texts, when, type Server } from "./support.js";

let server: Server;
let ann: Parlour;
let ben: Parlour;
let hers: Room;
let his: Room;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  [ann, ben] = await Promise.all([registered(server, "ann"), registered(server, "ben")]);
  hers = await createRoom(ann, { name: "Book club" });
  his = await ben.joinRoom(hers.info.slug ?? "");
});

describe("messages", () => {
  it("are shown at once, and keep their key when the server has them", async () => {
    const pending = hers.send("hello");
    expect(pending).toMatchObject({ state: "pending", id: null, own: true, user: ann.me });
    expect(hers.messages).toEqual([pending]);
    const here = await sent(hers, "hello");
    expect(here).toMatchObject({ key: pending.key, own: true });
    expect(hers.messages).toHaveLength(1);
    expect(await sent(his, "hello")).toMatchObject({ id: here.id, key: here.id, seq: here.seq, own: false });
  });

  it("arrive in the order in which they were sent", async () => {
    const expected = Array.from({ length: 20 }, (_, index) => `message ${index}`);
    for (const text of expected) hers.send(text);
    await sent(his, "message 19");
    expect(texts(his.messages)).toEqual(expected);
    await sent(hers, "message 19");
    expect(texts(hers.messages)).toEqual(expected);
  });

  it("are edited, deleted, pinned and reacted to, for both", async () => {
    hers.send("one");
    const { id } = await sent(hers, "one");
    await sent(his, "one");
    await editMessage(hers, id!, "two");
    expect(hers.messages[0]).toMatchObject({ content: "two", editedAt: expect.any(String) });
    await sent(his, "two");

    await react(his, id!, "👍");
    expect(his.messages[0]?.reactions).toMatchObject([{ emoji: "👍", count: 1, me: true }]);
    await eventually(() => hers.messages[0]?.reactions.length === 1, "her reaction");
    expect(hers.messages[0]?.reactions).toMatchObject([{ emoji: "👍", count: 1, me: false }]);
    await react(hers, id!, "👍");
    await eventually(() => his.messages[0]?.reactions[0]?.count === 2, "both reactions");
    expect(his.messages[0]?.reactions).toMatchObject([{ count: 2, me: true }]);
    await unreact(his, id!, "👍");
    expect(his.messages[0]?.reactions).toMatchObject([{ count: 1, me: false }]);

    await pin(hers, id!);
    await eventually(() => his.messages[0]?.pinnedAt, "the pin");
    await deleteMessage(hers, id!);
    await eventually(() => his.messages[0]?.deletedAt, "the deletion");
    expect(his.messages[0]).toMatchObject({ content: "", reactions: [], pinnedAt: null });
  });

  it("show what became of the message that they answer", async () => {
    hers.send("the question");
    const question = await sent(his, "the question");
    expect(his.send("the answer", { replyTo: question }).replyTo).toMatchObject({ excerpt: "the question" });
    const answer = () => hers.messages.find(({ content }) => content === "the answer");
    await sent(hers, "the answer");
    expect(answer()?.replyTo).toMatchObject({ id: question.id, excerpt: "the question" });
    await editMessage(hers, question.id!, "another question");
    expect(answer()?.replyTo).toMatchObject({ excerpt: "another question" });
    await deleteMessage(hers, question.id!);
    expect(answer()?.replyTo).toMatchObject({ excerpt: "", deleted: true });
  });

  it("are refused with a reason, and can be sent again or given up", async () => {
    await server.rest({ token: ann.token ?? "" }).ok("PATCH", `/rooms/${hers.id}`, { frozen: true });
    await eventually(() => his.info.frozen, "the freeze");
    const { key } = his.send("in vain");
    await eventually(() => his.messages[0]?.state === "failed", "the failure");
    expect(his.messages[0]).toMatchObject({ key, failure: { code: "frozen" } });
    await server.rest({ token: ann.token ?? "" }).ok("PATCH", `/rooms/${hers.id}`, { frozen: false });
    his.retry(key);
    expect(his.messages[0]).toMatchObject({ key, state: "pending", failure: null });
    await sent(hers, "in vain");
    expect(texts(his.messages)).toEqual(["in vain"]);

    const refused = his.send(" ");
    await eventually(() => his.messages[1]?.state === "failed", "the failure");
    expect(his.messages[1]?.failure).toMatchObject({ code: "invalid", fields: { content: expect.any(Array) } });
    his.discard(refused.key);
    expect(texts(his.messages)).toEqual(["in vain"]);
  });

  it("are loaded page by page, without a hole", async () => {
    const rest = server.rest({ token: ann.token ?? "" });
    for (let index = 0; index < 120; index += 1) await rest.send(hers.id, `message ${index}`);
    const late = await (await registered(server, "zoe")).joinRoom(hers.id);
    expect(late.messages).toHaveLength(50);
    expect(late.hasMore).toBe(true);
    // An old message that changes is not taken for the oldest that is loaded.
    const [old] = (await rest.messages(hers.id, `?limit=100`)).slice(20);
    await rest.ok("PATCH", `/rooms/${hers.id}/messages/${old.id}`, { content: "edited" });
    await rest.send(hers.id, "news");
    await sent(late, "news");
    expect(late.messages).toHaveLength(51);
    const changes = when<void>((listener) => late.on("change", listener), () => late.loading);
    const loads = [late.loadEarlier(), late.loadEarlier()];
    await changes;
    expect(await Promise.all(loads)).toEqual([50, 50]);
    expect(await late.loadEarlier()).toBe(20);
    expect(late.hasMore).toBe(false);
    const all = Array.from({ length: 120 }, (_, index) => (index === 40 ? "edited" : `message ${index}`));
    expect(texts(late.messages)).toEqual([...all, "news"]);
  });
});

describe("threads", () => {
  it("are apart from the main history, and told on their root", async () => {
    hers.send("root");
    const root = await sent(his, "root");
    const thread = openThread(his, root.id!);
    expect(thread.root).toEqual(root);
    await eventually(() => !thread.loading, "the thread");

    hers.send("reply", { threadRoot: root.id });
    await eventually(() => thread.messages.length === 1, "the reply");
    hers.send("reply for all", { threadRoot: root.id, alsoInRoom: true });
    await eventually(() => thread.messages.length === 2, "the second reply");
    expect(texts(thread.messages)).toEqual(["reply", "reply for all"]);
    expect(texts(his.messages)).toEqual(["root", "reply for all"]);
    expect(thread.root?.thread).toMatchObject({ replyCount: 2 });
    expect(his.messages[0]?.thread).toMatchObject({ replyCount: 2 });

    // Opened later it is loaded.
    const hersLater = openThread(hers, root.id!);
    await eventually(() => hersLater.messages.length === 2, "the replies");
    hersLater.close();
    thread.close();
    expect(texts(his.messages)).toEqual(["root", "reply for all"]);
  });
});

describe("people", () => {
  it("type, and are seen, and read", async () => {
    const mine = { typing: 0 };
    hers.on("typing", () => (mine.typing += 1));
    await eventually(() => hers.presence.users.length === 2 && his.presence.users.length === 2, "both");
    expect(hers.presence).toMatchObject({ level: "exact", count: 2 });

    his.startTyping();
    his.startTyping();
    await eventually(() => hers.typing.length === 1, "the notice");
    expect(hers.typing[0]?.id).toBe(ben.me?.id);
    expect(his.typing).toEqual([]);
    his.stopTyping();
    await eventually(() => hers.typing.length === 0, "its end");
    expect(mine.typing).toBe(2);

    expect(his.info.role).toBeNull();
    his.send("now I am a member");
    await eventually(() => his.info.role === "member", "the membership");
    await eventually(() => his.readSeq !== null, "his mark");
    hers.send("read this");
    const { seq } = await sent(his, "read this");
    await eventually(() => ben.unreadOf(his.id).unread === 1, "the unread message");
    expect(ben.unreadTotal).toBe(1);
    his.markRead();
    expect(ben.unreadTotal).toBe(0);
    await eventually(() => hers.readMarks.get(ben.me?.id ?? "") === seq, "his mark");
    await markUnread(his, seq!);
    await eventually(() => ben.unreadOf(his.id).unread === 1, "the unread message");

    ben.disconnect();
    await eventually(() => hers.presence.users.length === 1, "his leaving");
  });

  it("know of what came while the numbers of unread messages were on their way", async () => {
    const { fetch, waiting, arrive } = heldAnswers(/\/unread$/);
    const cleo = await registered(server, "cleo", { fetch });
    await server.rest({ token: cleo.token ?? "" }).ok("POST", `/rooms/${hers.id}/join`);
    await cleo.connect();
    const asked = cleo.getRooms();
    await eventually(waiting, "the server's answer");
    hers.send("one more");
    await eventually(() => cleo.unreadOf(hers.id).unread === 1, "the unread message");
    arrive();
    await asked;
    expect(cleo.unreadOf(hers.id).unread).toBe(1);
    expect(cleo.unreadTotal).toBe(1);
  });

  it("talk to one another alone", async () => {
    await ann.getRooms();
    const direct = await directMessage(ben, ann.me!.id);
    expect(direct.info).toMatchObject({ kind: "dm", peer: { id: ann.me?.id } });
    await eventually(() => ann.rooms.find(({ info }) => info.id === direct.id), "the conversation in her list");
    const answer = await ann.joinRoom(direct.id);
    expect(answer.info.peer).toMatchObject({ id: ben.me?.id });
    direct.send("psst");
    await sent(answer, "psst");
    await eventually(() => ann.rooms[0]?.info.id === direct.id && ann.rooms[0].unread === 1, "it in front, unread");
    expect(answer.readSeq).not.toBeNull();
    answer.markRead();
    await eventually(() => ann.unreadTotal === 0, "nothing unread");
  });

  it("keep a room that they were let into while the list of rooms was on its way", async () => {
    const secret = await createRoom(ann, { name: "Secret", kind: "private" });
    const { fetch, waiting, arrive } = heldAnswers(/\/rooms(\?|$)/);
    const cleo = await registered(server, "cleo", { fetch });
    await cleo.connect();
    const asked = cleo.getRooms();
    await eventually(waiting, "the server's answer");
    await server.rest({ token: ann.token ?? "" }).ok("POST", `/rooms/${secret.id}/members`, { user_id: cleo.me?.id });
    await eventually(() => cleo.rooms.find(({ info }) => info.id === secret.id), "the room in her list");
    arrive();
    expect((await asked).map(({ info }) => info.id)).toContain(secret.id);
  });

  it("are removed from a room, on all their devices", async () => {
    const secret = await createRoom(ann, { name: "Secret", kind: "private" });
    const rest = server.rest({ token: ann.token ?? "" });
    await ben.getRooms();
    await rest.ok("POST", `/rooms/${secret.id}/members`, { user_id: ben.me?.id });
    await eventually(() => ben.rooms.find(({ info }) => info.id === secret.id), "the room in his list");
    const guest = await ben.joinRoom(secret.id);
    const closed = when<unknown>((listener) => guest.on("closed", listener), () => true);
    const removed = when<string>((listener) => ben.on("room_removed", listener), (id) => id === secret.id);
    await rest.ok("DELETE", `/rooms/${secret.id}/members/${ben.me?.id}`);
    expect(await closed).toMatchObject({ code: "removed" });
    await removed;
    await eventually(() => !ben.rooms.some(({ info }) => info.id === secret.id), "the room gone from his list");
    await expect(ben.joinRoom(secret.id)).rejects.toMatchObject({ code: "unauthorized" });
  });
});

describe("rooms", () => {
  it("are the same object, by whichever name, until everybody has given them back", async () => {
    const again = await ben.joinRoom(hers.id);
    expect(again).toBe(his);
    const [one, two] = await Promise.all([ann.joinRoom("general"), ann.joinRoom("general")]);
    expect(one).toBe(two);
    one.release();
    expect(one.closed).toBeNull();
    one.release();
    expect(one.closed).toMatchObject({ code: "released" });
  });

  it("that are left with something to send are left after it", async () => {
    his.send("last words");
    his.release();
    expect(his.closed).toBeNull();
    await sent(hers, "last words");
    await eventually(() => his.closed, "the end");
  });

  it("that do not exist are not found", async () => {
    await expect(ann.joinRoom("nowhere")).rejects.toMatchObject({ code: "room_not_found" });
    await expect(ann.joinRoom("01a2b3c4-0000-7000-8000-000000000000")).rejects.toMatchObject({ code: "room_not_found" });
  });

  it("tell of messages wherever one looks", async () => {
    const told = when<{ room: Room }>((listener) => ben.on("message", listener), () => true);
    hers.send("hello");
    expect(await told).toMatchObject({ room: his, message: { content: "hello" } });
  });
});
