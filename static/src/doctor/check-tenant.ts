import type { TextKey } from "../i18n/i18n.ts";
import { dataOf, errorOf, isAnswer, type Answer, type NoAnswer, type Server } from "./ask.ts";
import { broken, good, ofRequest, said, skipped, warning, type Finding, type Snippet } from "./finding.ts";
import { isSecretKey } from "./jwt.ts";
import { neighbours } from "./origin.ts";

/** What anybody may know of a tenant. */
export interface Tenant {
  readonly slug: string;
  readonly publicKey: string;
  readonly name: string;
  readonly guests: boolean;
}

/** The header that names a tenant, if one was named. */
export function tenantHeader(name: string): Record<string, string> {
  return name === "" ? {} : { "x-tenant": name };
}

/** What is wrong with a name before anybody is asked: secrets are not sent about. */
export function misnamed(name: string): Finding | undefined {
  if (isSecretKey(name)) return broken(said("doctor.tenantSecret"), { say: said("doctor.tenantSecretFix") });
  if (!/^[\w.-]*$/.test(name)) return broken(said("doctor.tenantUnknown", { name }), { say: said("doctor.tenantUnknownFix"), snippets: LIST });
  return undefined;
}

const LIST: readonly Snippet[] = [{ label: "sh", text: "parlour tenant list" }];

/** What `GET /tenant` told. */
export function readTenant(answer: Answer | NoAnswer): Tenant | undefined {
  if (!isAnswer(answer) || answer.status !== 200) return undefined;
  const { slug, public_key: publicKey, name, guests } = dataOf(answer);
  if (typeof slug !== "string" || typeof publicKey !== "string" || typeof name !== "string") return undefined;
  return { slug, publicKey, name, guests: guests === true };
}

/** Whether the tenant is there. */
export function judgeTenant(answer: Answer | NoAnswer, name: string): Finding {
  if (!isAnswer(answer)) return skipped(said("doctor.notTried"));
  const tenant = readTenant(answer);
  if (tenant) return good(said("doctor.tenantGood", { name: tenant.name, slug: tenant.slug }));
  if (answer.status === 404) {
    const finding = broken(said("doctor.tenantUnknown", { name: name || "–" }), { say: said("doctor.tenantUnknownFix"), snippets: LIST });
    return ofRequest(finding, answer.requestId);
  }
  if (answer.status === 403 && errorOf(answer) === "this tenant is suspended") {
    const snippets = [{ label: "sh", text: `parlour tenant resume ${name || "default"}` }];
    return ofRequest(broken(said("doctor.tenantSuspended"), { say: said("doctor.tenantSuspendedFix"), snippets }), answer.requestId);
  }
  return unexpected(answer);
}

/** An answer that nobody expects. */
export function unexpected(answer: Answer | NoAnswer): Finding {
  if (!isAnswer(answer)) return broken(said("doctor.noAnswer"), { say: said("doctor.serverUnreachableFix") });
  const seen = said("doctor.unexpected", { status: String(answer.status), error: errorOf(answer) || "–" });
  return ofRequest(broken(seen, { say: said("doctor.unexpectedFix") }), answer.requestId);
}

const RULES: Readonly<Record<string, TextKey>> = { own_host: "doctor.originOwn", deployment: "doctor.originDeployment" };

/** What a server says about an origin. */
interface Verdict {
  readonly allowed: boolean;
  /** Whether its pages may open sockets, too, as far as the server's own setting goes. */
  readonly sockets: boolean;
  /** What decides: the tenant's list, the server's, or that it is the server's own origin. */
  readonly rule: string;
}

async function ask(server: Server, tenant: Tenant, origin: string): Promise<Verdict | Answer | NoAnswer> {
  const answer = await server.ask(`api/v1/tenant/origin?origin=${encodeURIComponent(origin)}`, { headers: tenantHeader(tenant.slug) });
  if (!isAnswer(answer) || answer.status !== 200) return answer;
  const { allowed, sockets, rule } = dataOf(answer);
  return { allowed: allowed === true, sockets: sockets !== false, rule: typeof rule === "string" ? rule : "" };
}

/**
 * Whether pages of an origin may use a tenant, by what the server would answer them.
 *
 * @param listed the tenant's list, if somebody who may know it has told
 */
export async function judgeOrigin(server: Server, tenant: Tenant, origin: URL, listed: readonly string[] | undefined): Promise<Finding> {
  const verdict = await ask(server, tenant, origin.origin);
  if (!("allowed" in verdict)) return unexpected(verdict);
  if (verdict.allowed && !verdict.sockets) {
    const snippets = [{ label: "parlour.toml", text: `[socket]\ncheck_origin = ["…", "${origin.origin}"]` }];
    return broken(said("doctor.originSockets", { origin: origin.origin }), { say: said("doctor.originSocketsFix"), snippets });
  }
  if (verdict.allowed) {
    const seen = said(RULES[verdict.rule] ?? "doctor.originGood", { origin: origin.origin });
    return { ...good(seen), fixes: [{ say: said("doctor.originLook"), snippets: [lookFromOutside(server.base, tenant, origin)] }] };
  }
  const seen = [said("doctor.originRefused", { origin: origin.origin })];
  for (const other of neighbours(origin)) {
    const near = await ask(server, tenant, other);
    if ("allowed" in near && near.allowed) seen.push(said("doctor.originNear", { origin: origin.origin, other }));
  }
  const list = JSON.stringify([...(listed ?? []), origin.origin]);
  const known = listed !== undefined && listed.length > 0;
  return broken(seen, {
    say: said(known ? "doctor.originFix" : "doctor.originFixUnseen", { origin: origin.origin }),
    snippets: [
      ...(known ? [] : [{ label: "sh", text: `parlour tenant show ${tenant.slug}` }]),
      { label: "sh", text: `parlour tenant update ${tenant.slug} --set 'allowed_origins=${list}'` },
    ],
  });
}

/** What a page of the site is told, as seen from its side of all proxies. */
function lookFromOutside(base: URL, tenant: Tenant, origin: URL): Snippet {
  const address = new URL("api/v1/tenant", base);
  return {
    label: "sh",
    text: `curl -si ${address} -H 'x-tenant: ${tenant.slug}' -H 'origin: ${origin.origin}' | grep -i access-control-allow-origin`,
  };
}

/** What is to say where no website, or none that can be read, was entered. */
export function judgeNoOrigin(text: string): Finding {
  return text.trim() === ""
    ? skipped(said("doctor.originNone"))
    : warning(said("doctor.originMalformed"), { say: said("doctor.originMalformedFix") });
}
