// The part of the official client that is used. Unlike the published declarations these take what comes from the
// network for unknown, and know that `authToken` may be a function.
declare module "phoenix" {
  export class Push {
    receive(status: "ok" | "error" | "timeout", callback: (response: unknown) => void): this;
  }

  export class Channel {
    /** Sees everything on the topic before anybody else, and has to return the payload. */
    onMessage: (event: string, payload: unknown, ref: unknown) => unknown;
    join(): Push;
    leave(): Push;
    push(event: string, payload: object, timeout?: number): Push;
    onClose(callback: () => void): number;
    onError(callback: () => void): number;
  }

  export type Transport = new (url: string, protocols?: string | string[]) => object;
  export const LongPoll: Transport;

  export interface SocketOptions {
    transport: Transport;
    authToken: () => string;
    reconnectAfterMs: (tries: number) => number;
    rejoinAfterMs: (tries: number) => number;
    sessionStorage: object;
  }

  export class Socket {
    constructor(endPoint: string, options: SocketOptions);
    connect(): void;
    disconnect(callback?: () => void): void;
    replaceTransport(transport: Transport): void;
    channel(topic: string, params: () => object): Channel;
    onOpen(callback: () => void): string;
    onClose(callback: (event: unknown) => void): string;
    ping(callback: (milliseconds: number) => void): boolean;
  }
}
