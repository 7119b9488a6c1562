// A page that is hidden, put away and shown again, and a network that comes and goes.
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Parlour } from "../src/index.js";

/** A window or document that knows who listens to it. */
class Listened extends EventTarget {
  visibilityState = "visible";
  readonly listeners = new Set<unknown>();
  override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
    const [, listener, options] = args;
    this.listeners.add(listener);
    if (typeof options === "object") options.signal?.addEventListener("abort", () => this.listeners.delete(listener));
    super.addEventListener(...args);
  }
}

/** A socket to a server that lets everybody join, while `up`. */
class FakeSocket {
  static up = true;
  static made: FakeSocket[] = [];
  readyState = 0;
  bufferedAmount = 0;
  onopen = () => {};
  onclose = (_event: object) => {};
  onerror = (_event: object) => {};
  onmessage = (_event: object) => {};

  constructor() {
    FakeSocket.made.push(this);
    queueMicrotask(() => {
      if (!FakeSocket.up) return this.end(1006);
      this.readyState = 1;
      this.onopen();
    });
  }
  send(data: string): void {
    const [joinRef, ref, topic] = JSON.parse(data);
    const reply = JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response: {} }]);
    if (FakeSocket.up) queueMicrotask(() => this.onmessage({ data: reply }));
  }
  close(): void {
    this.end(1005);
  }
  end(code: number): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onerror({});
    this.onclose({ code });
  }
}

const page = { window: new Listened(), document: new Listened(), navigator: { onLine: true } };
let chat: Parlour;

// All listeners of a page end with one signal, and the doubles above listen to it, too.
setMaxListeners(50);

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  FakeSocket.up = true;
  FakeSocket.made = [];
  Object.assign(page, { window: new Listened(), document: new Listened(), navigator: { onLine: true } });
  for (const [name, value] of Object.entries(page)) vi.stubGlobal(name, value);
  const fetch = vi.fn(async () => {
    if (!FakeSocket.up) throw new TypeError("no network");
    return Response.json({ data: { id: "ann", username: "ann" } });
  });
  const { Parlour } = await import("../src/index.js");
  const { resume } = await import("../src/accounts.js");
  const signIn = (chat: Parlour) => resume(chat, "t");
  chat = new Parlour({ url: "https://chat.example/sub", signIn, fetch, WebSocket: FakeSocket });
  await chat.connect();
});
afterEach(() => {
  chat.destroy();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("nothing listens to the page when the chat is gone", () => {
  expect(page.window.listeners.size).toBe(2);
  expect(Object.hasOwn(page.window, "addEventListener")).toBe(false);
  chat.disconnect();
  expect(page.window.listeners.size + page.document.listeners.size).toBe(0);
  chat.destroy();
  expect(vi.getTimerCount()).toBe(0);
});

it("it is connected again while the page is hidden", async () => {
  page.document.visibilityState = "hidden";
  page.document.dispatchEvent(new Event("visibilitychange"));
  FakeSocket.made[0]?.end(1006);
  expect(chat.state).toBe("waiting");
  await vi.advanceTimersByTimeAsync(1000);
  expect(chat.state).toBe("open");
  expect(FakeSocket.made).toHaveLength(2);
});

it("it is connected at once when the page is shown, or the network is back", async () => {
  for (const wake of [
    () => page.document.dispatchEvent(new Event("visibilitychange")),
    () => page.window.dispatchEvent(new Event("online")),
    () => page.window.dispatchEvent(new Event("pageshow")),
  ]) {
    FakeSocket.up = false;
    FakeSocket.made.at(-1)?.end(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    const attempts = FakeSocket.made.length;
    expect(chat.state).toBe("waiting");
    FakeSocket.up = true;
    wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.made).toHaveLength(attempts + 1);
    expect(chat.state).toBe("open");
  }
});

it("it says that there is no network, and tries all the same", async () => {
  page.navigator.onLine = false;
  page.window.dispatchEvent(new Event("offline"));
  expect(chat.state).toBe("offline");
  await vi.advanceTimersByTimeAsync(1000);
  expect(chat.state).toBe("open");
});

it("a socket that is dead after a sleep is found out when the page is shown", async () => {
  const [socket] = FakeSocket.made;
  FakeSocket.up = false;
  page.document.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(5000);
  expect(socket?.readyState).toBe(3);
  FakeSocket.up = true;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(chat.state).toBe("open");
});

it("a heartbeat without an answer ends the connection", async () => {
  FakeSocket.up = false;
  await vi.advanceTimersByTimeAsync(61_000);
  expect(chat.state).not.toBe("open");
  FakeSocket.up = true;
  await vi.advanceTimersByTimeAsync(31_000);
  expect(chat.state).toBe("open");
});

it("a page that is put away lets go of its socket", async () => {
  page.window.dispatchEvent(new Event("pagehide"));
  expect(FakeSocket.made[0]?.readyState).toBe(3);
  page.window.dispatchEvent(new Event("pageshow"));
  await vi.advanceTimersByTimeAsync(0);
  expect(chat.state).toBe("open");
});
