import { dataOf, isAnswer, Server, type Answer, type NoAnswer, type Tools } from "./ask.ts";
import { askAdministrator, tryGuest, tryToken, type Identified, type Insight } from "./check-identity.ts";
import { examinePoll } from "./check-poll.ts";
import { judgeClock, judgeHeaders, judgeHealth, judgeHttps, judgeScript, skewOf } from "./check-server.ts";
import { judgeSocket, trySocket } from "./check-socket.ts";
import { judgeNoOrigin, judgeOrigin, judgeTenant, misnamed, readTenant, tenantHeader, type Tenant } from "./check-tenant.ts";
import { parsePolicies } from "./csp.ts";
import { judgePolicies } from "./csp-findings.ts";
import { gravest, said, skipped, type Finding } from "./finding.ts";
import { tidied } from "./jwt.ts";
import { originOf } from "./origin.ts";
import { judgeToken, type TokenFindings } from "./token-rules.ts";

/** The checks, in the order they are shown, by subject. */
export const GROUPS = {
  server: ["server", "headers", "https", "clock", "script"],
  site: ["tenant", "admin", "origin"],
  policy: ["cspScript", "cspConnect", "cspImages", "cspRest"],
  identity: ["tokenShape", "tokenHeader", "tokenKey", "tokenIss", "tokenAud", "tokenSub", "tokenTimes", "tokenProfile", "tokenRooms", "accepted"],
  connection: ["socket", "heartbeat", "poll", "pollPrompt", "pollHeld"],
} as const;

/** A subject. */
export type Group = keyof typeof GROUPS;

/** The subjects, in the order they are shown. */
export const SUBJECTS: readonly Group[] = ["server", "site", "policy", "identity", "connection"];

/** The name of a check. */
export type CheckId = (typeof GROUPS)[Group][number];

/** What somebody wants to have examined. */
export interface Question {
  /** Address of the server, ending in `/`. */
  readonly server: URL;
  /** Slug or public key; empty for the server's default tenant. */
  readonly tenant: string;
  /** Origin of the website, or a page of it. */
  readonly origin: string;
  /** The website's Content-Security-Policy. */
  readonly csp: string;
  /** A user's token; empty for a guest. */
  readonly token: string;
  /** An administrator's token; may be empty. */
  readonly admin: string;
}

/** Told each outcome as soon as it is known. */
export type Report = (id: CheckId, finding: Finding) => void;

const TOKEN_CHECKS = GROUPS.identity.filter((id) => id !== "accepted");

/**
 * Examines an embedding. Every check is reported, in whatever order they come to an end; when this resolves, all are.
 *
 * @param signal ends it before
 */
export async function examine(question: Question, tools: Tools, report: Report, signal: AbortSignal): Promise<void> {
  const server = new Server(question.server, tools, signal);
  const site = originOf(question.origin);
  report("https", judgeHttps(server.base, site));
  const { cspScript, cspConnect, cspImages, cspRest } = judgePolicies(parsePolicies(question.csp), {
    server: server.base,
    page: site ?? new URL("https://site.invalid"),
  });
  report("cspScript", cspScript);
  report("cspConnect", cspConnect);
  report("cspImages", cspImages);
  report("cspRest", cspRest);

  const name = question.tenant.trim();
  const wrongName = misnamed(name);
  const [health, version, tenants] = await Promise.all([
    server.ask("health/ready"),
    versionOf(server),
    askTwice(server, wrongName ? "" : name),
  ]);
  report("server", judgeHealth(health, version, server.base));
  const script = new URL("chat.js", server.base);
  report("script", judgeScript(await server.ask("chat.js"), script));
  const skew = isAnswer(health) ? skewOf(health) : undefined;
  report("clock", judgeClock(skew));
  const [first, second] = tenants;
  report("headers", isAnswer(first) && isAnswer(second) ? judgeHeaders([first, second]) : skipped(said("doctor.notTried")));
  report("tenant", wrongName ?? judgeTenant(first, name));

  const tenant = wrongName ? undefined : readTenant(first);
  const insight = await insights(server, tenant, question.admin.trim(), report);
  report("origin", await judgeSite(server, tenant, site, question.origin, insight.origins));
  const now = (tools.now() + (skew ?? 0) * 1000) / 1000;
  const identified = await identify({ server, tenant, token: tidied(question.token), keys: insight.keys, now }, report);
  await connect(server, identified.token, tools, report, signal);
}

/** What the server's signpost says of its version. */
async function versionOf(server: Server): Promise<string | undefined> {
  const answer = await server.ask("", { headers: { accept: "application/json" } });
  const version = isAnswer(answer) ? dataOf(answer)["version"] : undefined;
  return typeof version === "string" ? version : undefined;
}

/** Two answers to the same question: what a cache in between would answer alike. */
async function askTwice(server: Server, name: string): Promise<[Answer | NoAnswer, Answer | NoAnswer]> {
  const request = { headers: tenantHeader(name) };
  return [await server.ask("api/v1/tenant", request), await server.ask("api/v1/tenant", request)];
}

async function insights(server: Server, tenant: Tenant | undefined, token: string, report: Report): Promise<Partial<Insight>> {
  if (!tenant || token === "") {
    report("admin", skipped(said(token === "" ? "doctor.adminNone" : "doctor.notTried")));
    return {};
  }
  const insight = await askAdministrator(server, tenant, token);
  report("admin", insight.finding);
  return insight;
}

async function judgeSite(
  server: Server,
  tenant: Tenant | undefined,
  site: URL | undefined,
  text: string,
  listed: readonly string[] | undefined,
): Promise<Finding> {
  if (!site) return judgeNoOrigin(text);
  return tenant ? judgeOrigin(server, tenant, site, listed) : skipped(said("doctor.notTried"));
}

interface Visitor {
  readonly server: Server;
  readonly tenant: Tenant | undefined;
  readonly token: string;
  readonly keys: Insight["keys"];
  /** Seconds since 1970 by the server's clock. */
  readonly now: number;
}

async function identify({ server, tenant, token, keys, now }: Visitor, report: Report): Promise<Partial<Identified>> {
  if (token === "") {
    for (const id of TOKEN_CHECKS) report(id, skipped(said("doctor.tokenNone")));
    if (!tenant) {
      report("accepted", skipped(said("doctor.notTried")));
      return {};
    }
    const guest = await tryGuest(server, tenant);
    report("accepted", guest.finding);
    return guest;
  }
  const findings = judgeToken(token, { tenant, now, keys });
  for (const id of TOKEN_CHECKS) report(id, findings[id]);
  const state = gravest(Object.values<Finding>({ ...findings } satisfies TokenFindings).map((finding) => finding.state));
  const readable = findings.tokenShape.state === "good";
  if (!tenant || !readable) {
    report("accepted", skipped(said("doctor.notTried")));
    return {};
  }
  const before = { inOrder: state !== "broken", keysKnown: keys !== undefined };
  const identified = await tryToken(server, tenant, token, before);
  report("accepted", identified.finding);
  return identified;
}

async function connect(server: Server, token: string | undefined, tools: Tools, report: Report, signal: AbortSignal): Promise<void> {
  if (token === undefined) {
    for (const id of GROUPS.connection) report(id, skipped(said("doctor.notTried")));
    return;
  }
  const socket = async (): Promise<void> => {
    const found = await judgeSocket(await trySocket(server.base, token, tools, signal), server, token);
    report("socket", found.socket);
    report("heartbeat", found.heartbeat);
  };
  const poll = examinePoll(server, token, {
    poll: (finding) => report("poll", finding),
    pollPrompt: (finding) => report("pollPrompt", finding),
    pollHeld: (finding) => report("pollHeld", finding),
  });
  await Promise.all([socket(), poll]);
}
