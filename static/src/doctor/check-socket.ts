import { isAnswer, type Server, type Tools } from "./ask.ts";
import { broken, good, ofRequest, said, skipped, warning, type Finding } from "./finding.ts";
import { socketBase } from "./csp-findings.ts";
import { upgradeFix } from "./proxy-fixes.ts";

/** How long opening may take, in milliseconds. */
const OPEN_MS = 10_000;

/** How long the answer to a heartbeat may take, in milliseconds. */
const HEARTBEAT_MS = 6000;

/** From here on the way back and forth counts as slow, in milliseconds. */
const SLOW_MS = 1000;

/** What a browser says when no close frame came. */
const ABNORMAL = 1006;

/** Where WebSockets open, below the server's address. */
const PATH = "chat/socket/websocket?vsn=2.0.0";

/** What was seen of a WebSocket. */
export interface Attempt {
  /** How it ended: answered a heartbeat, opened and stayed silent, was refused or closed, or did not open in time. */
  readonly end: "answered" | "silent" | "refused" | "closed" | "late";
  readonly openMs: number;
  readonly heartbeatMs: number;
  /** The code of the close, where the server or something in between closed it. */
  readonly code: number;
}

/** Opens a socket as the official client does, with the token as a subprotocol, and sends one heartbeat. */
export function trySocket(base: URL, token: string, tools: Tools, signal: AbortSignal): Promise<Attempt> {
  return new Promise((resolve) => {
    const begun = tools.ticks();
    let openMs: number | undefined;
    const socket = new tools.WebSocket(new URL(PATH, socketBase(base)), ["phoenix", `base64url.bearer.phx.${subprotocol(token)}`]);
    // Ends all of the listeners, whichever it is that is told first.
    const over = new AbortController();
    const listen = (target: EventTarget, event: string, listener: (event: Event) => void): void =>
      target.addEventListener(event, listener, { signal: over.signal });
    const end = (how: Attempt["end"], code = 0): void => {
      clearTimeout(timer);
      over.abort();
      socket.close();
      resolve({ end: how, openMs: openMs ?? 0, heartbeatMs: tools.ticks() - begun - (openMs ?? 0), code });
    };
    let timer = setTimeout(() => end("late"), OPEN_MS);
    listen(signal, "abort", () => end("closed"));
    listen(socket, "open", () => {
      openMs = tools.ticks() - begun;
      clearTimeout(timer);
      timer = setTimeout(() => end("silent"), HEARTBEAT_MS);
      socket.send(HEARTBEAT);
    });
    listen(socket, "message", (event) => {
      if ("data" in event && isHeartbeatReply(event.data)) end("answered");
    });
    listen(socket, "close", (event) => {
      const code = "code" in event && typeof event.code === "number" ? event.code : 0;
      end(openMs === undefined ? "refused" : "closed", code);
    });
    // What a policy forbids fails without ever being closed.
    listen(socket, "error", () => end(openMs === undefined ? "refused" : "closed", ABNORMAL));
  });
}

/** A heartbeat as the protocol has it. */
export const HEARTBEAT = JSON.stringify([null, "1", "phoenix", "heartbeat", {}]);

/** Whether a frame is the reply to our heartbeat. */
export function isHeartbeatReply(frame: unknown): boolean {
  if (typeof frame !== "string") return false;
  try {
    const parts: unknown = JSON.parse(frame);
    return Array.isArray(parts) && parts[1] === "1" && parts[2] === "phoenix" && parts[3] === "phx_reply";
  } catch {
    return false;
  }
}

/** Base64 without padding, which is what may stand in the header. */
function subprotocol(token: string): string {
  return btoa(token).replace(/=+$/, "");
}

/** What was found of the WebSocket, and of the heartbeat on it. */
export interface SocketFindings {
  readonly socket: Finding;
  readonly heartbeat: Finding;
}

/** Judges an attempt; where it failed, asks the server why, as browsers do not say. */
export async function judgeSocket(attempt: Attempt, server: Server, token: string): Promise<SocketFindings> {
  const openMs = Math.round(attempt.openMs);
  switch (attempt.end) {
    case "answered": {
      const ms = Math.round(attempt.heartbeatMs);
      return {
        socket: good(said("doctor.socketGood", { ms: openMs })),
        heartbeat: ms > SLOW_MS ? warning(said("doctor.heartbeatSlow", { ms })) : good(said("doctor.heartbeatGood", { ms })),
      };
    }
    case "silent":
      return {
        socket: good(said("doctor.socketGood", { ms: openMs })),
        heartbeat: broken(said("doctor.heartbeatNone"), upgradeFix),
      };
    case "closed":
      return {
        socket: good(said("doctor.socketGood", { ms: openMs })),
        heartbeat: broken(said("doctor.socketClosed", { code: String(attempt.code) }), { say: said("doctor.unexpectedFix") }),
      };
    case "late":
      return { socket: broken(said("doctor.socketLate", { time: { seconds: OPEN_MS / 1000 } }), upgradeFix), heartbeat: skipped(said("doctor.notTried")) };
    case "refused":
      return { socket: await refusal(server, token), heartbeat: skipped(said("doctor.notTried")) };
  }
}

/** The same address without an upgrade: Parlour answers it with the reason, where it gets there. */
async function refusal(server: Server, token: string): Promise<Finding> {
  const answer = await server.ask(PATH, { headers: { authorization: `Bearer ${token}` } });
  if (!isAnswer(answer)) return broken(said("doctor.socketUnreachable"), upgradeFix);
  const told = (finding: Finding): Finding => ofRequest(finding, answer.requestId);
  if (answer.requestId === null) return broken(said("doctor.socketElsewhere", { status: String(answer.status) }), upgradeFix);
  switch (answer.status) {
    // It got as far as the upgrade, which is what was missing there, as it was in the socket's own request.
    case 400:
      return told(broken(said("doctor.socketUpgrade"), upgradeFix, { say: said("doctor.socketSubprotocolFix") }));
    case 403:
      return told(broken(said("doctor.socketForbidden"), { say: said("doctor.socketForbiddenFix") }));
    case 429:
      return told(broken(said("doctor.socketMany"), { say: said("doctor.socketManyFix") }));
    default:
      return told(broken(said("doctor.socketStatus", { status: String(answer.status) }), { say: said("doctor.unexpectedFix") }));
  }
}
