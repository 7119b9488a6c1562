import type { ComponentChildren, JSX } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Avatar } from "../avatar.tsx";
import { IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";
import { complete, queryAt, type Candidate, type Query } from "./completion.ts";
import { useCandidates, type People } from "./use-completion.ts";

interface EditorProps {
  /** What is in it at first; a new `key` starts anew. */
  value: string;
  /** Its name for screen readers. */
  label: string;
  placeholder?: string;
  /** Most characters of a message. */
  charsMax: number;
  people?: People | undefined;
  autofocus?: boolean;
  /** Why nothing can be sent now, though it can be written. */
  held?: boolean;
  /** Whether there is something to be sent without any text. */
  mayBeEmpty?: boolean;
  onInput?: (text: string) => void;
  /** Gives back whether the text was taken, and the field is to be empty. */
  onSubmit: (text: string) => void;
  /** Given where the text is one that exists already: Escape, and a button. */
  onCancel?: () => void;
  /** The arrow up in an empty field. */
  onArrowUp?: () => void;
  /** What stands before the field: buttons. */
  children?: ComponentChildren;
  handle?: { current: EditorHandle | null };
}

/** What is done to the field from outside. */
export interface EditorHandle {
  focus(): void;
  /** Writes at the caret. */
  insert(text: string): void;
}

/** From this part of the limit on it is told how many characters are left. */
const COUNT_FROM = 0.8;

/** A field for a message: grows with it, Enter sends, `@` and `:` offer names. */
export function Editor(props: EditorProps): JSX.Element {
  const { label, placeholder, charsMax, people, held = false, mayBeEmpty = false, handle } = props;
  const { onInput, onSubmit, onCancel, onArrowUp } = props;
  const i18n = useI18n();
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(props.value);
  const [query, setQuery] = useState<Query | null>(null);
  const [chosen, setChosen] = useState(0);
  const candidates = useCandidates(query, people);
  const isOpen = candidates.length > 0;
  const current = candidates[Math.min(chosen, candidates.length - 1)];

  const content = text.trim();
  const left = charsMax - (content.length > charsMax * COUNT_FROM ? [...content].length : 0);
  const canSend = (content !== "" || mayBeEmpty) && left >= 0 && !held;

  useLayoutEffect(() => {
    const element = field.current;
    if (!element || CSS.supports("field-sizing", "content")) return;
    element.style.setProperty("height", "auto");
    element.style.setProperty("height", `${element.scrollHeight}px`);
  }, [text]);
  useLayoutEffect(() => {
    const element = field.current;
    if (!props.autofocus || !element) return;
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  }, []);

  const write = (next: string, caret: number): void => {
    const element = field.current;
    if (!element) return;
    // At once, so that a key pressed before the next rendering comes after it.
    element.value = next;
    element.focus();
    element.setSelectionRange(caret, caret);
    setText(next);
    setQuery(null);
    onInput?.(next);
  };
  const look = (): void => {
    const element = field.current;
    if (!element) return;
    setChosen(0);
    setQuery(element.selectionStart === element.selectionEnd ? queryAt(element.value, element.selectionEnd) : null);
  };
  const choose = (candidate: Candidate): void => {
    const element = field.current;
    if (!query || !element) return;
    const completed = complete(element.value, query, candidate);
    write(completed.text, completed.caret);
  };
  const submit = (): void => {
    if (!canSend) return;
    onSubmit(content);
    if (onCancel) return;
    setText("");
    setQuery(null);
    onInput?.("");
    field.current?.focus();
  };
  if (handle) {
    handle.current = {
      focus: () => field.current?.focus(),
      insert: (inserted) => {
        const { value = "", selectionStart = 0, selectionEnd = 0 } = field.current ?? {};
        write(value.slice(0, selectionStart) + inserted + value.slice(selectionEnd), selectionStart + inserted.length);
      },
    };
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    // Enter ends a composition of characters then, and 229 is what some browsers tell in its place.
    if (event.isComposing || event.keyCode === 229) return;
    const handled = isOpen && current ? completionKey(event.key, current) : plainKey(event);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const completionKey = (key: string, candidate: Candidate): boolean => {
    if (key === "ArrowDown") setChosen((chosen + 1) % candidates.length);
    else if (key === "ArrowUp") setChosen((chosen - 1 + candidates.length) % candidates.length);
    else if (key === "Enter" || key === "Tab") choose(candidate);
    else if (key === "Escape") setQuery(null);
    else return false;
    return true;
  };
  const plainKey = ({ key, shiftKey }: KeyboardEvent): boolean => {
    if (key === "Enter" && !shiftKey) submit();
    else if (key === "Escape" && onCancel) onCancel();
    else if (key === "ArrowUp" && text === "" && onArrowUp) onArrowUp();
    else return false;
    return true;
  };

  return (
    <div class="editor">
      {isOpen && (
        <ul
          id={`${id}-list`}
          class="completion"
          role="listbox"
          aria-label={i18n.t(query?.type === "emoji" ? "composer.emoji" : "composer.people")}
        >
          {candidates.map((candidate) => (
            <li
              key={candidate.key}
              id={`${id}-${candidate.key}`}
              role="option"
              aria-selected={candidate === current}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => choose(candidate)}
            >
              {candidate.user && <Avatar user={candidate.user} />}
              <span>{candidate.label}</span>
              <small>{candidate.detail}</small>
            </li>
          ))}
        </ul>
      )}
      <div class="editor-row">
        {props.children}
        {/* HTML allows no role for a field of several lines; these properties make it a combobox all the same. */}
        <textarea
          ref={field}
          class="editor-field"
          rows={1}
          dir="auto"
          value={text}
          aria-label={label}
          placeholder={placeholder}
          enterkeyhint="send"
          autocomplete="off"
          aria-autocomplete="list"
          aria-controls={isOpen ? `${id}-list` : undefined}
          aria-activedescendant={isOpen && current ? `${id}-${current.key}` : undefined}
          aria-describedby={left < charsMax ? `${id}-count` : undefined}
          aria-invalid={left < 0}
          onInput={(event) => {
            setText(event.currentTarget.value);
            onInput?.(event.currentTarget.value);
            look();
          }}
          onClick={look}
          onBlur={() => setQuery(null)}
          onKeyDown={onKeyDown}
        />
        {onCancel && <IconButton icon="close" label={i18n.t("common.cancel")} onClick={onCancel} />}
        <IconButton
          icon={onCancel ? "check" : "send"}
          class="editor-send"
          label={i18n.t(onCancel ? "composer.save" : "composer.send")}
          disabled={!canSend}
          onClick={submit}
        />
      </div>
      {left < charsMax && (
        <p id={`${id}-count`} class={left < 0 ? "editor-count editor-over" : "editor-count"}>
          {left < 0 ? i18n.t("composer.over", { count: -left }) : i18n.t("composer.left", { count: left })}
        </p>
      )}
    </div>
  );
}
