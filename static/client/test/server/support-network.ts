// Networks that fail, and sockets that can be watched.
import { onTestFinished } from "vitest";
import { Proxy, type Upgrades } from "../../../../tests/clients/support/proxy.mjs";
import { WebSocket, type Server } from "./support.js";

/** A network between client and server, gone when the test is over. */
export function network(server: Server, upgrades?: Upgrades): Promise<Proxy> {
  return Proxy.start({ after: (end) => onTestFinished(end) }, server, upgrades);
}

/** A frame of the protocol: join ref, ref, topic, event, payload. */
export type Frame = [unknown, unknown, string, string, Record<string, unknown>];

/** WebSockets of the package `ws` whose frames to the server are kept. */
export function watchedSockets() {
  const sockets: WebSocket[] = [];
  const frames: Frame[] = [];
  class Watched extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
    override send(data: Parameters<WebSocket["send"]>[0]): void {
      frames.push(JSON.parse(String(data)));
      super.send(data);
    }
  }
  const joins = (topic: string) => frames.filter((frame) => frame[2] === topic && frame[3] === "phx_join");
  return { WebSocket: Watched, sockets, frames, joins };
}
