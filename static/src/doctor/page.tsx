import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { usePreferences } from "../app/preferences.ts";
import { I18nContext, useI18n } from "../ui/context.ts";
import { CopyButton } from "../ui/copy-button.tsx";
import { Icon } from "../ui/icons.tsx";
import type { Tools } from "./ask.ts";
import { examine, type CheckId } from "./examine.ts";
import type { Finding } from "./finding.ts";
import { tidied } from "./jwt.ts";
import { DOCTOR_CATALOGUES } from "./locales.ts";
import { Questions, type Entered } from "./questions.tsx";
import { reportText, type Findings } from "./report.ts";
import { Mark, Preview, Results, SnippetBox } from "./results.tsx";

const TOOLS: Tools = {
  fetch: (input, init) => fetch(input, init),
  WebSocket,
  now: () => Date.now(),
  ticks: () => performance.now(),
};

/** The server's address: the page is at `embed/doctor` below it, wherever that is mounted. */
function serverAddress(): URL {
  return new URL("../", location.href.replace(/[?#].*$/s, ""));
}

/** What an address can bring along. Nothing secret is among it, and nothing is ever put there. */
function fromAddress(): Entered {
  const params = new URLSearchParams(location.search);
  return { tenant: params.get("tenant") ?? "", origin: params.get("origin") ?? "", csp: "", token: "", admin: "" };
}

/** Where an examination stands. */
type Phase = "waiting" | "running" | "done" | "stopped";

/** The page. */
export function DoctorPage(): JSX.Element | null {
  const { i18n } = usePreferences(DOCTOR_CATALOGUES);
  useEffect(() => {
    if (i18n) document.title = `${i18n.t("doctor.title")} · Parlour`;
  }, [i18n]);
  if (!i18n) return null;
  return (
    <I18nContext.Provider value={i18n}>
      <Doctor server={serverAddress()} />
    </I18nContext.Provider>
  );
}

function Doctor({ server }: { server: URL }): JSX.Element {
  const i18n = useI18n();
  const [entered, setEntered] = useState(fromAddress);
  const { phase, findings, examined, start, stop } = useExamination(server);
  const results = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the results are below the form, where nobody would see that something happens.
    const top = results.current?.getBoundingClientRect().top ?? 0;
    if (phase === "running" && top > innerHeight / 2) results.current?.scrollIntoView();
  }, [phase]);
  return (
    <div class="doctor">
      <header class="doctor-head">
        <a class="doctor-home" href="../">
          <Icon name="chat" />
          Parlour
        </a>
        <h1>{i18n.t("doctor.title")}</h1>
        <p>{i18n.t("doctor.intro")}</p>
      </header>
      <main class="doctor-body">
        <Questions entered={entered} running={phase === "running"} onChange={setEntered} onExamine={() => start(entered)} onStop={stop} />
        <section class="doctor-results" ref={results} tabIndex={-1} aria-labelledby="doctor-results">
          <div class="doctor-summary">
            <h2 id="doctor-results">{i18n.t("doctor.results")}</h2>
            <Summary phase={phase} findings={findings} />
            {(phase === "done" || phase === "stopped") && (
              <CopyButton
                label={i18n.t("doctor.copyReport")}
                text={() =>
                  reportText(i18n, findings, [server.href, examined.tenant, examined.origin], [tidied(examined.token), examined.admin.trim()])
                }
                shown={results}
              />
            )}
          </div>
          {phase === "waiting" ? <Preview /> : <Results findings={findings} running={phase === "running"} />}
          {findings.get("tenant")?.state === "good" && examined.tenant !== "" && (
            <section class="doctor-group" aria-labelledby="doctor-snippet">
              <h3 id="doctor-snippet">{i18n.t("doctor.snippetTitle")}</h3>
              <SnippetBox
                snippet={{
                  label: "HTML",
                  text: `<script async src="${new URL("chat.js", server)}" data-tenant="${examined.tenant.trim()}" data-room="general"></script>`,
                }}
              />
            </section>
          )}
        </section>
      </main>
    </div>
  );
}

/** The outcome in a sentence, which is said when it changes. */
function Summary({ phase, findings }: { phase: Phase; findings: Findings }): JSX.Element {
  const i18n = useI18n();
  const states = [...findings.values()].map((finding) => finding.state);
  const faults = states.filter((state) => state === "broken").length;
  const warnings = states.filter((state) => state === "warning").length;
  const state = phase === "running" ? "running" : faults > 0 ? "broken" : warnings > 0 ? "warning" : "good";
  // Not while they are being found, or a screen reader would hear each number.
  const over = phase === "done" || phase === "stopped";
  const parts = [
    ...(phase === "waiting" ? [i18n.t("doctor.waiting")] : []),
    ...(phase === "running" ? [i18n.t("doctor.summaryRunning")] : []),
    ...(phase === "stopped" ? [i18n.t("doctor.summaryStopped")] : []),
    ...(over && faults > 0 ? [i18n.t("doctor.summaryBroken", { count: faults })] : []),
    ...(over && warnings > 0 ? [i18n.t("doctor.summaryWarning", { count: warnings })] : []),
    ...(phase === "done" && faults + warnings === 0 ? [i18n.t("doctor.summaryGood")] : []),
  ];
  return (
    <p class="doctor-verdict" data-phase={phase}>
      {phase !== "waiting" && <Mark state={phase === "stopped" && state === "good" ? "skipped" : state} />}
      <span role="status">{parts.join(" ")}</span>
    </p>
  );
}

interface Examination {
  phase: Phase;
  findings: Findings;
  /** What was entered when it began. */
  examined: Entered;
  start: (entered: Entered) => void;
  stop: () => void;
}

/** One examination at a time; a new one ends the one before. */
function useExamination(server: URL): Examination {
  const [phase, setPhase] = useState<Phase>("waiting");
  const [findings, setFindings] = useState<Findings>(new Map());
  const [examined, setExamined] = useState(fromAddress);
  const running = useRef<AbortController>(null);
  useEffect(() => () => running.current?.abort(), []);

  function start(entered: Entered): void {
    running.current?.abort();
    const ending = new AbortController();
    running.current = ending;
    setExamined(entered);
    setFindings(new Map());
    setPhase("running");
    const report = (id: CheckId, finding: Finding): void => {
      if (!ending.signal.aborted) setFindings((known) => new Map(known).set(id, finding));
    };
    void examine({ ...entered, server }, TOOLS, report, ending.signal).finally(() => {
      if (!ending.signal.aborted) setPhase("done");
    });
  }

  function stop(): void {
    running.current?.abort();
    setPhase("stopped");
  }

  return { phase, findings, examined, start, stop };
}
