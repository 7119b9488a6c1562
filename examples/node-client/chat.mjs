#!/usr/bin/env node
// A chat client for the terminal. It talks to Parlour through the official `phoenix` client, as it is.
//
//   npm ci
//   node chat.mjs --user ann --room general [--url http://127.0.0.1:4000] [--tenant default]
//
// The password comes from PARLOUR_PASSWORD, or is asked for. A name nobody has yet is registered.
// Type to send. /who lists who is there, /more shows older messages, /quit ends.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Presence, Socket } from "phoenix";
import { WebSocket } from "ws";

const { values: args } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:4000" },
    tenant: { type: "string", default: "default" },
    user: { type: "string", default: process.env.USER ?? "guest" },
    room: { type: "string", default: "general" },
  },
});

const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "" });
const lines = terminal[Symbol.asyncIterator]();

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** One request to the REST interface: its status, and the JSON of the answer. */
async function rest(method, path, { token, body } = {}) {
  const headers = { "x-tenant": args.tenant };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body) headers["content-type"] = "application/json";
  const response = await fetch(`${args.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  return { status: response.status, ...(await response.json()) };
}

async function signIn() {
  let password = process.env.PARLOUR_PASSWORD;
  if (!password) {
    console.log(`Password of ${args.user}:`);
    password = (await lines.next()).value ?? "";
  }
  const body = { username: args.user, password };
  const login = await rest("POST", "/auth/login", { body });
  if (login.data) return login.data;
  const registered = await rest("POST", "/auth/register", { body });
  if (registered.data) return registered.data;
  return fail(`Cannot sign in: ${login.error ?? ""} ${JSON.stringify(registered.errors ?? registered.error)}`);
}

/** Messages come in history and as news; after a reconnect some come in both. */
let lastSeq = 0;
function show(message) {
  if (message.seq <= lastSeq) return;
  lastSeq = message.seq;
  print(message);
}

function print({ inserted_at: insertedAt, user, content }) {
  console.log(`${new Date(insertedAt).toTimeString().slice(0, 5)} ${user.username}: ${content}`);
}

const { token, user } = await signIn();
console.log(`Signed in as ${user.username}.`);
const rooms = await rest("GET", "/rooms", { token });
console.log(`Rooms: ${rooms.data.map((room) => room.slug).join(", ")}`);

// The socket reconnects, and its channels join again, by themselves.
const socket = new Socket(`${args.url.replace(/^http/, "ws")}/chat/socket`, { transport: WebSocket, authToken: token });
socket.onError(() => console.log("The connection failed; trying again."));
socket.connect();

const channel = socket.channel(`room:${args.room}`);
const presence = new Presence(channel);
const nameOf = (entry) => entry.metas[0].username;
presence.onJoin((id, before, now) => {
  if (!before && id !== user.id) console.log(`* ${nameOf(now)} is here`);
});
presence.onLeave((id, left, gone) => {
  if (left.metas.length === 0) console.log(`* ${nameOf(gone)} has left`);
});

let oldest;
channel.on("message_history", ({ messages }) => {
  oldest ??= messages[0]?.id;
  messages.forEach(show);
});
channel.on("new_message", show);
channel.on("typing", ({ username }) => console.log(`* ${username} is typing`));

const { room } = await new Promise((resolve) => {
  channel
    .join()
    .receive("ok", resolve)
    .receive("error", ({ reason }) => fail(`Cannot join ${args.room}: ${reason}`));
});
console.log(`You are in ${room.name}. Type to send; /who, /more, /quit.`);

function send(content) {
  channel
    // Under this id a message is stored once, however often it is sent.
    .push("new_message", { content, client_id: crypto.randomUUID() })
    .receive("error", (response) => console.log(`! not sent: ${JSON.stringify(response)}`))
    .receive("timeout", () => console.log("! not sent yet: no answer"));
}

function more() {
  channel
    .push("load_more_messages", { before_id: oldest, limit: 20 })
    .receive("ok", ({ messages, has_more: hasMore }) => {
      oldest = messages[0]?.id ?? oldest;
      messages.forEach(print);
      if (!hasMore) console.log("* That is the beginning.");
    })
    .receive("error", ({ reason }) => console.log(`! ${reason}`));
}

// At a terminal the others see that somebody types, at most once in three seconds.
let typedAt = 0;
if (process.stdin.isTTY) {
  process.stdin.on("keypress", () => {
    if (Date.now() - typedAt < 3000) return;
    typedAt = Date.now();
    channel.push("typing", {});
  });
}

for await (const line of lines) {
  if (line === "/quit") break;
  if (line === "/who") console.log(`Here: ${presence.list((_, entry) => nameOf(entry)).join(", ")}`);
  else if (line === "/more") more();
  else if (line.trim()) send(line);
}
channel.leave().receive("ok", () => socket.disconnect(() => process.exit(0)));
