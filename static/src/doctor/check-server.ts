import { errorOf, isAnswer, type Answer, type NoAnswer } from "./ask.ts";
import { broken, good, ofRequest, said, skipped, warning, type Finding } from "./finding.ts";
import { isLoopback } from "./origin.ts";

/** How far clocks may be apart before it is told, in seconds. */
const SKEW_MAX_S = 5;

/** Whether the server answers and can do its work. */
export function judgeHealth(ready: Answer | NoAnswer, version: string | undefined, server: URL): Finding {
  if (!isAnswer(ready)) {
    const key = ready.failed === "timeout" ? "doctor.serverTimeout" : "doctor.serverUnreachable";
    return broken(said(key, { server: server.href }), { say: said("doctor.serverUnreachableFix"), snippets: [{ label: "sh", text: "parlour health" }] });
  }
  if (ready.status === 200) {
    const ms = Math.round(ready.ms);
    return good(version === undefined ? said("doctor.serverGood", { ms }) : said("doctor.serverVersion", { version, ms }));
  }
  const seen = said("doctor.serverNotReady", { status: String(ready.status), error: errorOf(ready) });
  return ofRequest(broken(seen, { say: said("doctor.unexpectedFix") }), ready.requestId);
}

/** Whether answers come as the server sent them, by two answers of the REST interface. */
export function judgeHeaders(answers: readonly [Answer, Answer]): Finding {
  const [one, other] = answers;
  if (one.requestId === null) return warning(said("doctor.headersNoId"), { say: said("doctor.headersFix") });
  if (one.requestId === other.requestId) return broken(said("doctor.headersCached"), { say: said("doctor.headersCachedFix") });
  if (!one.headers.get("cache-control")?.includes("no-store")) {
    return warning(said("doctor.headersStore"), { say: said("doctor.headersCachedFix") });
  }
  return good(said("doctor.headersGood"));
}

/** What browsers make of the schemes of the website and of the server. */
export function judgeHttps(server: URL, site: URL | undefined): Finding {
  if (server.protocol === "https:") {
    return site?.protocol === "http:" && !isLoopback(site)
      ? warning(said("doctor.httpsSite", { origin: site.origin }), { say: said("doctor.httpsSiteFix") })
      : good(said("doctor.httpsGood"));
  }
  if (isLoopback(server)) return good(said("doctor.httpsLocal"));
  const fix = { say: said("doctor.httpsFix") };
  if (site?.protocol === "https:") return broken(said("doctor.httpsMixed", { origin: site.origin, server: server.origin }), fix);
  return warning(said("doctor.httpsPlain", { server: server.origin }), fix);
}

/** Seconds that the server's clock is ahead of this device's; missing if the server does not tell its time. */
export function skewOf(answer: Answer): number | undefined {
  const date = Date.parse(answer.headers.get("date") ?? "");
  // The header has whole seconds, and was written about half an answer's time ago.
  return Number.isNaN(date) ? undefined : (date + 500 + answer.ms / 2 - answer.at) / 1000;
}

/** Whether this device and the server agree on the time. */
export function judgeClock(skew: number | undefined): Finding {
  if (skew === undefined) return skipped(said("doctor.clockUnknown"));
  const apart = Math.max(1, Math.round(Math.abs(skew)));
  if (apart <= SKEW_MAX_S) return good(said("doctor.clockGood", { time: { seconds: apart } }));
  const key = skew > 0 ? "doctor.clockBehind" : "doctor.clockAhead";
  return warning(said(key, { time: { seconds: apart } }), {
    say: said("doctor.clockFix"),
    snippets: [{ label: "sh", text: "date -u && timedatectl status" }],
  });
}

/** Whether pages of other sites can load the widget. */
export function judgeScript(answer: Answer | NoAnswer, address: URL): Finding {
  if (!isAnswer(answer)) return broken(said("doctor.scriptMissing", { address: address.href }), { say: said("doctor.scriptFix") });
  const type = answer.headers.get("content-type") ?? "";
  if (answer.status !== 200 || !/javascript/.test(type)) {
    return broken(said("doctor.scriptStatus", { status: String(answer.status), type: type || "–" }), { say: said("doctor.scriptFix") });
  }
  const stripped = [
    ["cross-origin-resource-policy", "cross-origin"],
    ["access-control-allow-origin", "*"],
  ].filter(([name = "", value]) => answer.headers.get(name) !== value);
  if (stripped.length > 0) {
    const lines = stripped.map(([name, value]) => `${name}: ${value}`);
    return broken(said("doctor.scriptHeaders", { headers: lines.join(", ") }), { say: said("doctor.headersFix") });
  }
  return good(said("doctor.scriptGood"));
}
