import { amended, judge, type Judgement, type Need, type Policy } from "./csp.ts";
import { broken, good, said, skipped, together, warning, type Finding, type Fix } from "./finding.ts";

/** What a host page needs of this server. */
export interface Places {
  /** Address of the server, ending in `/`. */
  readonly server: URL;
  /** A page of the website. */
  readonly page: URL;
}

/** The checks of a website's policies, each with what was found. */
export interface CspFindings {
  readonly cspScript: Finding;
  readonly cspConnect: Finding;
  readonly cspImages: Finding;
  readonly cspRest: Finding;
}

/** What a host page's policies forbid of what the chat does, and the directives that let it. */
export function judgePolicies(policies: readonly Policy[], places: Places): CspFindings {
  if (policies.length === 0) return nothingEntered();
  const enforced = policies.filter((policy) => !policy.reportOnly);
  return {
    cspScript: together(enforced.map((policy) => scripts(policy, places)).concat(none(enforced))),
    cspConnect: together(enforced.map((policy) => connections(policy, places)).concat(none(enforced))),
    cspImages: together(enforced.map((policy) => images(policy, places)).concat(none(enforced))),
    cspRest: together([...enforced.flatMap((policy) => rest(policy, places)), ...reports(policies)]),
  };
}

function nothingEntered(): CspFindings {
  const finding = skipped(said("doctor.cspNone"));
  return { cspScript: finding, cspConnect: finding, cspImages: finding, cspRest: finding };
}

/** Where all policies only report, nothing is forbidden. */
function none(enforced: readonly Policy[]): Finding[] {
  return enforced.length === 0 ? [good(said("doctor.cspReportOnly"))] : [];
}

/** Where sockets connect to, by the address of the server. */
export function socketBase(server: URL): URL {
  return new URL(server.href.replace(/^http/, "ws"));
}

function scripts(policy: Policy, { server, page }: Places): Finding {
  // The loader, and a part that it loads: a source with a path may cover the one only.
  const judged = ["chat.js", "static/widget.js"].map((path) => judge(policy, "script-src-elem", new URL(path, server), page));
  const refused = judged.find((judgement) => !judgement.allowed);
  if (!refused) return good(said("doctor.cspScriptGood"));
  const { directive, nonce } = forbidding(refused);
  if (nonce) {
    return warning(said("doctor.cspScriptNonce", { directive }), {
      say: said("doctor.cspScriptNonceFix"),
      snippets: [{ label: "HTML", text: `<script async nonce="…" src="${new URL("chat.js", server)}" data-tenant="…"></script>` }],
    });
  }
  const loaderOnly = judged[0]?.allowed === true;
  return broken(
    said(loaderOnly ? "doctor.cspScriptPart" : "doctor.cspScriptMissing", { directive, source: server.origin }),
    amend(policy, [{ fetching: "script-src-elem", sources: [server.origin] }]),
  );
}

function connections(policy: Policy, { server, page }: Places): Finding {
  const socket = socketBase(server);
  const lacking = [server, socket].filter((target) => !judge(policy, "connect-src", new URL("chat/socket/", target), page).allowed);
  if (lacking.length === 0) return good(said("doctor.cspConnectGood"));
  const refused = forbidding(judge(policy, "connect-src", new URL("chat/socket/", lacking[0] ?? server), page));
  const onlySocket = lacking.length === 1 && lacking[0] === socket;
  const key = onlySocket ? "doctor.cspConnectSocket" : "doctor.cspConnectMissing";
  return broken(
    said(key, { directive: refused.directive, source: lacking.map((target) => originOf(target)).join(" ") }),
    amend(policy, [{ fetching: "connect-src", sources: lacking.map(originOf) }]),
  );
}

/** `URL.origin`, which is `null` for the schemes of sockets in some engines. */
function originOf(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

/** Users' pictures may be anywhere on the web; without them initials are shown. */
function images(policy: Policy, { page }: Places): Finding {
  const judged = judge(policy, "img-src", new URL("https://pictures.example/a.png"), page);
  if (judged.allowed) return good(said("doctor.cspImagesGood"));
  return warning(
    said("doctor.cspImagesMissing", { directive: judged.directive }),
    amend(policy, [{ fetching: "img-src", sources: ["https:"] }]),
  );
}

function rest(policy: Policy, { server, page }: Places): Finding[] {
  const findings: Finding[] = [];
  const sandbox = policy.directives.get("sandbox");
  if (sandbox) {
    const flags = new Set(sandbox.map((flag) => flag.toLowerCase()));
    if (!flags.has("allow-scripts")) findings.push(broken(said("doctor.cspSandboxScripts"), { say: said("doctor.cspSandboxFix") }));
    else if (!flags.has("allow-same-origin")) {
      findings.push(warning(said("doctor.cspSandboxOrigin"), { say: said("doctor.cspSandboxFix") }));
    }
  }
  if (policy.directives.has("upgrade-insecure-requests") && server.protocol === "http:" && page.hostname !== server.hostname) {
    findings.push(broken(said("doctor.cspUpgrade", { server: server.origin }), { say: said("doctor.httpsFix") }));
  }
  findings.push(good(said("doctor.cspRestGood")));
  return findings;
}

function reports(policies: readonly Policy[]): Finding[] {
  return policies.some((policy) => policy.reportOnly) ? [good(said("doctor.cspReportOnly"))] : [];
}

function forbidding(judgement: Judgement): { directive: string; nonce: boolean } {
  return judgement.allowed ? { directive: "", nonce: false } : judgement;
}

function amend(policy: Policy, needs: readonly Need[]): Fix {
  return {
    say: said("doctor.cspFix"),
    snippets: [{ label: "Content-Security-Policy", text: amended(policy, needs).join("\n") }],
  };
}
