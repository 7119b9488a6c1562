import { isAnswer, type Answer, type NoAnswer, type Server } from "./ask.ts";
import { HEARTBEAT, isHeartbeatReply } from "./check-socket.ts";
import { broken, good, ofRequest, said, skipped, warning, type Finding } from "./finding.ts";
import { bufferingFix, timeoutFix } from "./proxy-fixes.ts";

const PATH = "chat/socket/longpoll?vsn=2.0.0";

/** Longer than any sensible window of the server, in milliseconds. */
const HELD_MS = 90_000;

/** How long it may take until a waiting poll is told what has happened, in milliseconds. */
const PROMPT_MS = 1000;

/** What was found of long polling, as soon as it is known. */
export interface PollReport {
  poll(finding: Finding): void;
  pollPrompt(finding: Finding): void;
  pollHeld(finding: Finding): void;
}

/** Opens a session, has a poll wait for the reply to a heartbeat, and then one for nothing until the server ends it. */
export async function examinePoll(server: Server, token: string, report: PollReport): Promise<void> {
  const opened = await server.ask(PATH, { headers: { "x-phoenix-authtoken": token } });
  const session = isAnswer(opened) ? opened.json["token"] : undefined;
  report.poll(judgeOpening(opened));
  if (typeof session !== "string") {
    report.pollPrompt(skipped(said("doctor.notTried")));
    report.pollHeld(skipped(said("doctor.notTried")));
    return;
  }
  const headers = { "x-phoenix-longpoll-token": session };
  report.pollPrompt(await prompt(server, headers));
  report.pollHeld(judgeHeld(await server.ask(PATH, { headers, timeout: HELD_MS })));
}

/** Judges the answer that should be a session. Every answer of the transport is 200 with the real status inside. */
export function judgeOpening(answer: Answer | NoAnswer): Finding {
  if (!isAnswer(answer)) return broken(said("doctor.socketUnreachable"), timeoutFix);
  const { status } = answer.json;
  if (status === 410) return good(said("doctor.pollGood", { ms: Math.round(answer.ms) }));
  const finding =
    status === 403
      ? broken(said("doctor.socketForbidden"), { say: said("doctor.socketForbiddenFix") })
      : broken(said("doctor.pollElsewhere", { status: String(answer.status) }), timeoutFix);
  return ofRequest(finding, answer.requestId);
}

async function prompt(server: Server, headers: Readonly<Record<string, string>>): Promise<Finding> {
  const waiting = server.ask(PATH, { headers, timeout: HELD_MS });
  const sent = await server.ask(PATH, { method: "POST", headers: { ...headers, "content-type": "application/x-ndjson" }, body: HEARTBEAT });
  const answer = await waiting;
  if (!isAnswer(sent) || sent.json["status"] !== 200) return broken(said("doctor.pollSilent"), bufferingFix);
  if (!isAnswer(answer)) return broken(said("doctor.pollCut", { time: { seconds: answer.ms / 1000 } }), timeoutFix);
  const messages = answer.json["messages"];
  const replied = Array.isArray(messages) && messages.some(isHeartbeatReply);
  if (!replied) return broken(said("doctor.pollSilent"), bufferingFix);
  // The poll began a moment before the heartbeat was sent; where answers are held back, both are.
  return judgeDelay(Math.max(sent.ms, answer.ms));
}

/** Judges how promptly a waiting poll was answered, in milliseconds from when there was something to tell. */
export function judgeDelay(ms: number): Finding {
  if (ms <= PROMPT_MS) return good(said("doctor.pollPromptGood", { ms: Math.round(ms) }));
  return warning(said("doctor.pollLate", { time: { seconds: ms / 1000 } }), bufferingFix);
}

/** Judges a poll that had nothing to wait for. */
export function judgeHeld(answer: Answer | NoAnswer): Finding {
  const time = { seconds: Math.round(answer.ms / 100) / 10 };
  if (!isAnswer(answer)) return broken(said("doctor.pollCut", { time }), timeoutFix);
  if (answer.status === 200 && answer.json["status"] === 204) return good(said("doctor.pollHeldGood", { time }));
  return ofRequest(broken(said("doctor.pollCut", { time }), timeoutFix), answer.requestId);
}
