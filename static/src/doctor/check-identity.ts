import { dataOf, errorOf, isAnswer, type Answer, type NoAnswer, type Server } from "./ask.ts";
import { tenantHeader, unexpected, type Tenant } from "./check-tenant.ts";
import { broken, good, ofRequest, said, skipped, type Finding } from "./finding.ts";
import { isObject } from "./jwt.ts";
import type { SigningKey } from "./token-rules.ts";

/** Who is asked for, and what came of it. */
export interface Identified {
  readonly finding: Finding;
  /** What opens sockets, if there is something. */
  readonly token?: string;
}

/** What is known of a token before the server is asked. */
export interface Prejudice {
  /** The rules that can be looked at here find nothing wrong. */
  readonly inOrder: boolean;
  /** The tenant's keys were looked at, too. */
  readonly keysKnown: boolean;
}

/** Shows the server a token. */
export async function tryToken(server: Server, tenant: Tenant, token: string, before: Prejudice): Promise<Identified> {
  const headers = { ...tenantHeader(tenant.slug), authorization: `Bearer ${token}` };
  const answer = await server.ask("api/v1/auth/me", { headers });
  if (isAnswer(answer) && answer.status === 200) {
    const { kind } = dataOf(answer);
    return { finding: good(said("doctor.acceptedGood", { kind: typeof kind === "string" ? kind : "account" })), token };
  }
  return { finding: refused(answer, tenant, before) };
}

function refused(answer: Answer | NoAnswer, { slug }: Tenant, { inOrder, keysKnown }: Prejudice): Finding {
  if (!isAnswer(answer) || answer.status !== 401) return unexpected(answer);
  const told = (finding: Finding): Finding => ofRequest(finding, answer.requestId);
  if (!inOrder) return told(broken(said("doctor.acceptedFaults")));
  if (keysKnown) return told(broken(said("doctor.acceptedSignature"), { say: said("doctor.acceptedSignatureFix") }));
  return told(
    broken(said("doctor.acceptedUnknown"), {
      say: said("doctor.acceptedUnknownFix"),
      snippets: [{ label: "sh", text: `parlour key list ${slug}` }],
    }),
  );
}

/** Comes as a guest, where the tenant lets guests in. */
export async function tryGuest(server: Server, tenant: Tenant): Promise<Identified> {
  if (!tenant.guests) {
    const snippets = [{ label: "sh", text: `parlour tenant update ${tenant.slug} --set guests=true` }];
    return { finding: { ...skipped(said("doctor.guestsOff")), fixes: [{ say: said("doctor.guestsOffFix"), snippets }] } };
  }
  const answer = await server.ask("api/v1/auth/guest", {
    method: "POST",
    headers: { ...tenantHeader(tenant.slug), "content-type": "application/json" },
    body: JSON.stringify({ name: "Embed doctor" }),
  });
  const token = isAnswer(answer) ? dataOf(answer)["token"] : undefined;
  if (typeof token !== "string") return { finding: unexpected(answer) };
  return { finding: good(said("doctor.guestGood")), token };
}

/** What an administrator may know of a tenant. */
export interface Insight {
  readonly finding: Finding;
  readonly keys?: readonly SigningKey[];
  /** `allowed_origins`, unless there is none of the tenant's own. */
  readonly origins?: readonly string[];
}

/** Looks at a tenant's keys and origins with an administrator's token. */
export async function askAdministrator(server: Server, tenant: Tenant, token: string): Promise<Insight> {
  const headers = { authorization: `Bearer ${token}` };
  const path = `api/v1/admin/tenants/${encodeURIComponent(tenant.slug)}`;
  const [record, list] = await Promise.all([server.ask(path, { headers }), server.ask(`${path}/keys`, { headers })]);
  if (!isAnswer(list) || list.status !== 200 || !isAnswer(record) || record.status !== 200) return { finding: noInsight(list) };
  const data: unknown = list.json["data"];
  const { settings } = dataOf(record);
  const origins = isObject(settings) ? settings["allowed_origins"] : undefined;
  return {
    finding: good(said("doctor.adminGood")),
    keys: Array.isArray(data) ? data.flatMap(signingKey) : [],
    ...(Array.isArray(origins) ? { origins: origins.filter((entry) => typeof entry === "string") } : {}),
  };
}

function noInsight(answer: Answer | NoAnswer): Finding {
  if (!isAnswer(answer)) return unexpected(answer);
  const seen = said("doctor.adminRefused", { status: String(answer.status), error: errorOf(answer) || "–" });
  return ofRequest(broken(seen, { say: said("doctor.adminRefusedFix") }), answer.requestId);
}

function signingKey(entry: unknown): SigningKey[] {
  if (!isObject(entry)) return [];
  const { kid, algorithm, revoked_at: revoked } = entry;
  if (typeof kid !== "string" || typeof algorithm !== "string") return [];
  return [{ kid, algorithm, revokedAt: typeof revoked === "string" ? revoked : null }];
}
