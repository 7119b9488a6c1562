// Who one is: accounts, guests, a website's users, and tokens that end.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { target, type Site, type Target } from "../../../../tests/clients/test/security/support/target.mjs";
import { now } from "../../../../tests/clients/test/security/support/tokens.mjs";
import {
  changePassword,
  identify,
  login,
  loginAsGuest,
  logout,
  register,
  renameGuest,
  resume,
} from "../../src/accounts.js";
import { createRoom } from "../../src/directory.js";
import { Parlour, type Options } from "../../src/index.js";
import { PageRoom } from "../../src/page-room.js";
import { tenantInfo } from "../../src/tenant.js";
import { client, eventually, heldAnswers, PASSWORD, sent, texts, uniqueName, type Server } from "./support.js";
import { watchedSockets } from "./support-network.js";

let chatServer: Target;
let server: Server;
let site: Site;

beforeAll(async () => {
  chatServer = await target();
  server = chatServer.server!;
  site = await chatServer.site({ settings: { settings: { guests: true, guest_claims: true, page_rooms: true } } });
});
afterAll(() => chatServer.close());

/** A client of the site. */
function visitor(options: Partial<Options> = {}): Parlour {
  return client(server, { tenant: site.slug, ...options });
}

describe("accounts", () => {
  it("are made, signed in to, resumed and signed out of", async () => {
    const chat = visitor();
    const username = uniqueName("ann");
    const me = await register(chat, username, PASSWORD);
    expect(me).toMatchObject({ username, kind: "account" });
    await chat.connect();
    const again = visitor({ signIn: (other) => resume(other, chat.token!) });
    await again.connect();
    expect(again.me).toEqual(me);
    const { token } = chat;
    await logout(chat);
    expect(chat).toMatchObject({ me: null, token: null, state: "idle" });
    await expect(resume(visitor(), token!)).rejects.toMatchObject({ code: "unauthorized" });
    await expect(login(visitor(), username, "wrong password")).rejects.toMatchObject({ code: "invalid_credentials" });
    expect(await login(visitor(), username, PASSWORD)).toEqual(me);
    await expect(register(visitor(), username, PASSWORD)).rejects.toMatchObject({ code: "invalid", fields: {} });
    await expect(visitor().connect()).rejects.toMatchObject({ code: "unauthorized" });
    // The session that was signed out of elsewhere is over, too.
    await eventually(() => again.state === "refused", "the refusal");
  });

  it("go on with a new password", async () => {
    const chat = visitor();
    const username = uniqueName("ann");
    await register(chat, username, PASSWORD);
    const room = await chat.joinRoom((await createRoom(chat, { name: uniqueName("room") })).id);
    await changePassword(chat, PASSWORD, "another password");
    room.send("still here");
    await sent(room, "still here");
    await login(visitor(), username, "another password");
  });

  it("go on with a new password whose answer comes after the end of the old session", async () => {
    const answer = heldAnswers(/\/auth\/password$/);
    const chat = visitor({ fetch: answer.fetch });
    const states: string[] = [];
    await register(chat, uniqueName("ann"), PASSWORD);
    const room = await chat.joinRoom((await createRoom(chat, { name: uniqueName("room") })).id);
    chat.on("state", (state) => states.push(state));
    const changed = changePassword(chat, PASSWORD, "another password");
    await eventually(() => states.includes("connecting"), "the end of the old session");
    answer.arrive();
    await changed;
    room.send("still here");
    await sent(room, "still here");
    expect(states).not.toContain("refused");
  });
});

describe("guests", () => {
  it("come back with their key, and may choose a name", async () => {
    const chat = visitor();
    const guest = await loginAsGuest(chat);
    expect(guest.kind).toBe("guest");
    await chat.connect();
    const names: (string | undefined)[] = [];
    chat.on("identity", (me) => names.push(me?.name));
    expect(await renameGuest(chat, "Zoë")).toMatchObject({ id: guest.id, name: "Zoë" });
    expect(names).toEqual(["Zoë"]);
    expect(chat.state).toBe("open");
    expect(await loginAsGuest(visitor({ guestKey: chat.guestKey! }))).toMatchObject({ id: guest.id, name: "Zoë" });
  });

  it("keep what they wrote when they sign in", async () => {
    const chat = visitor();
    const guest = await loginAsGuest(chat);
    const { id } = await (await site.user("owner")).rest.room({ name: uniqueName("room") });
    const room = await chat.joinRoom(id);
    room.send("as a guest");
    await sent(room, "as a guest");
    const me = await identify(chat, () => site.token({ sub: uniqueName("ann"), name: "Ann" }));
    expect(me).toMatchObject({ kind: "host", name: "Ann" });
    expect(chat.guestKey).toBeNull();
    room.send("as myself");
    await sent(room, "as myself");
    expect(me.id).not.toBe(guest.id);
    await eventually(() => room.messages.every(({ user, own }) => own && user.id === me.id), "one author");
    expect(texts(room.messages)).toEqual(["as a guest", "as myself"]);
  });

  it("are no guests again when their session ends while they sign in", async () => {
    const answer = heldAnswers(/\/auth\/claim$/);
    let guests = 0;
    const chat = visitor({
      fetch: (input, init) => {
        if (String(input).endsWith("/auth/guest")) guests += 1;
        return answer.fetch(input, init);
      },
    });
    await loginAsGuest(chat);
    await chat.connect();
    const states: string[] = [];
    chat.on("state", (state) => states.push(state));
    const identified = identify(chat, () => site.token({ sub: uniqueName("ann"), name: "Ann" }));
    await eventually(() => states.includes("connecting"), "the end of the guest's session");
    answer.arrive();
    expect(await identified).toMatchObject({ kind: "host", name: "Ann" });
    await eventually(() => chat.state === "open", "the connection");
    expect(chat).toMatchObject({ me: { kind: "host" }, guestKey: null });
    expect(guests).toBe(1);
  });
});

describe("a website's users", () => {
  it("get another token before one ends, and stay connected", async () => {
    const watched = watchedSockets();
    const sub = uniqueName("ann");
    const lives = [4, 600];
    let asked = 0;
    const getToken = async () => site.token({ sub, exp: now() + lives[Math.min(asked++, 1)]! });
    const chat = visitor({ signIn: (chat) => identify(chat, getToken), WebSocket: watched.WebSocket });
    await chat.connect();
    const end = Date.now() + 5000;
    await eventually(() => asked === 2, "the question for a token", 6000);
    await eventually(() => Date.now() > end, "the first token's end", 6000);
    expect(chat.state).toBe("open");
    expect(watched.sockets).toHaveLength(1);
    expect((await server.rest({ token: chat.token! }).request("GET", "/auth/me")).status).toBe(200);
  }, 15_000);

  it("get another token when their sessions are ended", async () => {
    const sub = uniqueName("ann");
    let asked = 0;
    const chat = visitor({
      signIn: (chat) => identify(chat, () => site.token({ sub, iat: now() + asked++, exp: now() + 600 })),
    });
    const room = await createRoom(chat, { name: uniqueName("room") });
    const { rest } = await site.apiKey();
    await rest.ok("DELETE", `/server/users/${chat.me!.id}/tokens`);
    await eventually(() => asked >= 2, "the question for a token");
    room.send("still here");
    await sent(room, "still here");
  }, 20_000);

  it("are refused after two bad tokens, and let in when they bring a good one", async () => {
    let asked = 0;
    const bad = () => `${site.token({ sub: "ann" })}${(asked += 1)}`;
    const chat = visitor();
    const errors: string[] = [];
    chat.on("error", ({ code }) => errors.push(code));
    await expect(identify(chat, bad)).rejects.toMatchObject({ code: "unauthorized" });
    expect(asked).toBe(2);

    const other = visitor({ signIn: (chat) => identify(chat, bad) });
    await expect(other.connect()).rejects.toMatchObject({ code: "unauthorized" });
    expect(other.state).toBe("refused");
    await expect(other.joinRoom("general")).rejects.toMatchObject({ code: "unauthorized" });
    await identify(other, () => site.token({ sub: "ann" }));
    await eventually(() => other.state === "open", "the connection");
  });

  it("are waited for while their website has no token", async () => {
    let asked = 0;
    const getToken = () => {
      asked += 1;
      if (asked === 1) throw new Error("the website is down");
      return site.token({ sub: "ann" });
    };
    const chat = visitor({ signIn: (chat) => identify(chat, getToken) });
    await chat.connect();
    expect(asked).toBe(2);
  });

  it("who change leave nothing of one another", async () => {
    const chat = visitor();
    await identify(chat, () => site.token({ sub: uniqueName("ann"), name: "Ann" }));
    const secret = await createRoom(chat, { name: "Hers", kind: "private" });
    secret.send("a secret");
    await sent(secret, "a secret");
    const { id } = await (await site.user("owner")).rest.room({ name: uniqueName("room") });
    const open = await chat.joinRoom(id);
    open.send("hello");
    expect((await sent(open, "hello")).own).toBe(true);
    await identify(chat, () => site.token({ sub: uniqueName("ben"), name: "Ben" }));
    expect(secret.messages).toEqual([]);
    expect(chat.rooms).toEqual([]);
    await eventually(() => secret.closed, "the end of her room");
    await eventually(() => open.messages[0]?.content === "hello", "the history, anew");
    expect(open.messages[0]?.own).toBe(false);
  });
});

describe("a tenant", () => {
  it("tells what it has", async () => {
    expect(await tenantInfo(visitor({ tenant: site.publicKey }))).toMatchObject({
      slug: site.slug,
      guests: true,
      pageRooms: true,
      features: { threads: true },
    });
    await expect(tenantInfo(visitor({ tenant: "nobody" }))).rejects.toMatchObject({ code: "tenant_not_found" });
  });

  it("has a room for each page, from its first message on", async () => {
    await site.admin("PATCH", "", { settings: { allowed_origins: ["https://blog.example"] } });
    const page = { url: "https://blog.example/post#comments", title: "A post" };
    const [ann, ben] = [visitor(), visitor()];
    await loginAsGuest(ann);
    await loginAsGuest(ben);
    const hers = new PageRoom(ann, page);
    expect(await hers.open()).toBeNull();
    const room = await hers.send("first!");
    await sent(room, "first!");
    const his = await new PageRoom(ben, { ...page, url: "https://blog.example/post" }).open();
    expect(his).toMatchObject({ id: room.id, info: { name: "A post", pageUrl: "https://blog.example/post" } });
    expect(texts(his!.messages)).toEqual(["first!"]);
  });
});
