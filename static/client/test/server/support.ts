// Clients of the real server.
import { randomUUID } from "node:crypto";
import { afterEach } from "vitest";
import { WebSocket } from "ws";
import { startServer, type Server } from "../../../../tests/clients/support/server.mjs";
import { eventually } from "../../../../tests/clients/support/wait.mjs";
import { register } from "../../src/accounts.js";
import { Parlour, type Message, type Options, type Room } from "../../src/index.js";

export { eventually, startServer, WebSocket, type Server };

export const PASSWORD = "correct horse battery staple";
const open = new Set<Parlour>();

afterEach(() => {
  for (const chat of open) chat.destroy();
  open.clear();
});

/** A client that is gone when the test is over. */
export function client(server: Server, options: Partial<Options> = {}): Parlour {
  const chat = new Parlour({ url: server.url, WebSocket, ...options });
  open.add(chat);
  return chat;
}

/** A client of somebody new. */
export async function registered(server: Server, name: string, options: Partial<Options> = {}): Promise<Parlour> {
  const chat = client(server, options);
  await register(chat, uniqueName(name), PASSWORD);
  return chat;
}

export function uniqueName(name: string): string {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

/** The texts of messages, in order. */
export function texts(messages: readonly Message[]): string[] {
  return messages.map(({ content }) => content);
}

/** Waits until a room shows a text that the server has. */
export function sent(room: Room, text: string): Promise<Message> {
  const arrived = ({ content, state }: Message) => content === text && state === "sent";
  return eventually(() => room.messages.find(arrived), `"${text}" in ${room.info.name}`);
}

/** A `fetch` whose answers from addresses like these arrive when the test says so. */
export function heldAnswers(addresses: RegExp): { fetch: typeof fetch; waiting: () => boolean; arrive: () => void } {
  let waiting = false;
  let arrive = (): void => {};
  const arriving = new Promise<void>((resolve) => (arrive = resolve));
  const held: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (addresses.test(String(input))) {
      waiting = true;
      await arriving;
    }
    return answer;
  };
  return { fetch: held, waiting: () => waiting, arrive };
}

/** Waits for an event that a condition holds for. */
export function when<T>(on: (listener: (value: T) => void) => () => void, matches: (value: T) => boolean): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the event did not come")), 8000);
    const stop = on((value) => {
      if (!matches(value)) return;
      clearTimeout(timer);
      stop();
      resolve(value);
    });
  });
}
