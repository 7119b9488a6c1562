import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { useI18n } from "../ui/context.ts";
import { CopyButton } from "../ui/copy-button.tsx";
import { Icon, type IconName } from "../ui/icons.tsx";
import { GROUPS, SUBJECTS, type CheckId, type Group } from "./examine.ts";
import { gravest, type Finding, type Fix, type Snippet, type State } from "./finding.ts";
import { checkTitle, groupTitle, stateOf, stateTitle, type Findings } from "./report.ts";
import { say } from "./say.ts";

const ICONS: Readonly<Partial<Record<State, IconName>>> = { good: "check", warning: "alert", broken: "close" };

interface ResultsProps {
  findings: Findings;
  running: boolean;
}

/** Every check, by subject. */
export function Results({ findings, running }: ResultsProps): JSX.Element {
  return (
    <div class="doctor-groups">
      {SUBJECTS.map((group) => (
        <CheckGroup key={group} group={group} findings={findings} running={running} />
      ))}
    </div>
  );
}

/** What there is to be examined. */
export function Preview(): JSX.Element {
  const i18n = useI18n();
  return (
    <dl class="doctor-preview">
      {SUBJECTS.map((group) => (
        <div key={group}>
          <dt>{groupTitle(i18n, group)}</dt>
          <dd>{GROUPS[group].map((id) => checkTitle(i18n, id)).join(" · ")}</dd>
        </div>
      ))}
    </dl>
  );
}

function CheckGroup({ group, findings, running }: ResultsProps & { group: Group }): JSX.Element {
  const i18n = useI18n();
  const states = GROUPS[group].map((id) => stateOf(findings, id, running));
  const state = states.includes("running") ? "running" : gravest(states);
  return (
    <section class="doctor-group" aria-labelledby={`group-${group}`}>
      <h3 id={`group-${group}`}>
        <Mark state={state} />
        {groupTitle(i18n, group)}
      </h3>
      <ul>
        {GROUPS[group].map((id) => (
          <Check key={id} id={id} state={stateOf(findings, id, running)} finding={findings.get(id)} />
        ))}
      </ul>
    </section>
  );
}

function Check({ id, state, finding }: { id: CheckId; state: State; finding: Finding | undefined }): JSX.Element {
  const i18n = useI18n();
  const fixes = finding?.fixes ?? [];
  const urgent = state === "warning" || state === "broken";
  return (
    <li class={`check check-${state}`} data-check={id} data-state={state}>
      <Mark state={state} />
      <div class="check-text">
        <h4>{checkTitle(i18n, id)}</h4>
        {finding?.seen.map((seen) => say(i18n, seen)).map((text) => <p key={text}>{text}</p>)}
        {finding?.requestId && urgent && <p class="check-request">{i18n.t("doctor.requestId", { id: finding.requestId })}</p>}
        {fixes.length > 0 &&
          (urgent ? (
            <div class="check-fixes">
              <h5>{i18n.t("doctor.fix")}</h5>
              <Fixes fixes={fixes} />
            </div>
          ) : (
            <details>
              <summary>{i18n.t("doctor.look")}</summary>
              <Fixes fixes={fixes} />
            </details>
          ))}
      </div>
    </li>
  );
}

function Fixes({ fixes }: { fixes: readonly Fix[] }): JSX.Element {
  const i18n = useI18n();
  return (
    <>
      {fixes.map((fix) => (
        <div class="fix" key={say(i18n, fix.say)}>
          <p>{say(i18n, fix.say)}</p>
          {fix.snippets?.map((snippet) => <SnippetBox key={snippet.text} snippet={snippet} />)}
        </div>
      ))}
    </>
  );
}

/** Lines to copy. */
export function SnippetBox({ snippet: { label, text } }: { snippet: Snippet }): JSX.Element {
  const lines = useRef<HTMLPreElement>(null);
  return (
    <figure class="lines">
      <figcaption>
        <bdi>{label}</bdi>
        <CopyButton text={() => text} shown={lines} />
      </figcaption>
      <pre ref={lines} dir="ltr" tabIndex={0} aria-label={label} role="group">
        <code>{text}</code>
      </pre>
    </figure>
  );
}

/** How something stands, as a picture; its name is there for those who do not see it. */
export function Mark({ state }: { state: State }): JSX.Element {
  const i18n = useI18n();
  const icon = ICONS[state];
  return (
    <span class={`mark mark-${state}`}>
      {icon && <Icon name={icon} />}
      <span class="visually-hidden">{stateTitle(i18n, state)}: </span>
    </span>
  );
}
