import type { I18n } from "../i18n/i18n.ts";
import { GROUPS, SUBJECTS, type CheckId, type Group } from "./examine.ts";
import type { Finding, State } from "./finding.ts";
import { say } from "./say.ts";

/** What is known so far. */
export type Findings = ReadonlyMap<CheckId, Finding>;

/** How a check stands while others go on. */
export function stateOf(findings: Findings, id: CheckId, running: boolean): State {
  return findings.get(id)?.state ?? (running ? "running" : "skipped");
}

/** The name of a check for people. */
export function checkTitle(i18n: I18n, id: CheckId): string {
  return i18n.t(`doctor.check_${id}`);
}

/** The name of a subject for people. */
export function groupTitle(i18n: I18n, group: Group): string {
  return i18n.t(`doctor.group_${group}`);
}

/** What a state is called. */
export function stateTitle(i18n: I18n, state: State): string {
  return i18n.t(`doctor.state_${state}`);
}

const MARKS: Readonly<Record<State, string>> = { running: "…", good: "✓", warning: "!", broken: "✗", skipped: "–" };

/** All findings as a text for a mail or an issue. No secret gets into findings, and none of `secrets` into the text. */
export function reportText(i18n: I18n, findings: Findings, about: readonly string[], secrets: readonly string[]): string {
  const lines = [`${i18n.t("doctor.title")} · ${about.filter((part) => part !== "").join(" · ")}`];
  for (const group of SUBJECTS) {
    lines.push("", groupTitle(i18n, group));
    for (const id of GROUPS[group]) lines.push(...checkLines(i18n, id, findings.get(id)));
  }
  return withoutSecrets(lines.join("\n").replace(/[\u2068\u2069]/g, ""), secrets);
}

function checkLines(i18n: I18n, id: CheckId, finding: Finding | undefined): string[] {
  if (!finding) return [`  ${MARKS.running} ${checkTitle(i18n, id)}`];
  const { state, seen, fixes, requestId } = finding;
  const lines = [`  ${MARKS[state]} ${checkTitle(i18n, id)}: ${seen.map((one) => say(i18n, one)).join(" ")}`];
  if (requestId) lines.push(`    ${i18n.t("doctor.requestId", { id: requestId })}`);
  if (state !== "warning" && state !== "broken") return lines;
  for (const fix of fixes) {
    lines.push(`    → ${say(i18n, fix.say)}`);
    for (const { text } of fix.snippets ?? []) lines.push(...text.split("\n").map((line) => `      ${line}`));
  }
  return lines;
}

/** Whatever a server wrote into its answers, nothing that was entered as a secret is handed on. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret !== "").reduce((kept, secret) => kept.replaceAll(secret, "…"), text);
}
