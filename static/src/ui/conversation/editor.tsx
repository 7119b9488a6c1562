import type { UserRef } from "parlour-client";
import type { ComponentChildren, JSX } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { IconButton } from "../button.tsx";
import { useI18n } from "../context.ts";
import { lazyView } from "../lazy-view.ts";
import { complete, queryAt, type Completed, type Query } from "./query.ts";
import { loadTools } from "./tools.ts";

interface EditorProps {
  /** What is in it at first; a new `key` starts anew. */
  value: string;
  /** Its name for screen readers. */
  label: string;
  placeholder?: string;
  /** Most characters of a message. */
  charsMax: number;
  /** Those who are known already, and may be named; without it nobody is offered. */
  people?: (() => Iterable<UserRef>) | undefined;
  autofocus?: boolean;
  /** Why nothing can be sent now, though it can be written. */
  held?: boolean;
  /** What is still missing for sending, in words: what is sent until it is there waits for it. */
  waitsFor?: string | null;
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

const Completion = lazyView(loadTools, (tools) => tools.Completion);

/** From this part of the limit on it is told how many characters are left. */
const COUNT_FROM = 0.8;

/** A field for a message: grows with it, Enter sends, `@` and `:` offer names. */
export function Editor(props: EditorProps): JSX.Element {
  const { label, placeholder, charsMax, people, held = false, waitsFor = null, mayBeEmpty = false, handle } = props;
  const { onInput, onSubmit, onCancel, onArrowUp } = props;
  const i18n = useI18n();
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(props.value);
  const [query, setQuery] = useState<Query | null>(null);
  /** The id of what is chosen among names that are offered. */
  const [active, setActive] = useState<string | null>(null);
  const completionKeys = useRef<((key: string) => boolean) | null>(null);
  /** Sent, as far as its author is concerned. */
  const [due, setDue] = useState(false);
  const listId = `${id}-list`;

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
    setDue(false);
    setText(next);
    setQuery(null);
    onInput?.(next);
  };
  const look = (): void => {
    const element = field.current;
    if (!element) return;
    setQuery(element.selectionStart === element.selectionEnd ? queryAt(element.value, element.selectionEnd) : null);
  };
  const choose = (candidate: Completed): void => {
    const element = field.current;
    if (!query || !element) return;
    const completed = complete(element.value, query, candidate);
    write(completed.text, completed.caret);
  };
  const submit = (): void => {
    setDue(canSend && waitsFor !== null);
    if (!canSend || waitsFor !== null) return;
    onSubmit(content);
    if (onCancel) return;
    setText("");
    setQuery(null);
    onInput?.("");
    field.current?.focus();
  };
  useLayoutEffect(() => {
    if (due && waitsFor === null) submit();
  }, [due, waitsFor]);
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
    if (!completionKeys.current?.(event.key) && !plainKey(event)) return;
    event.preventDefault();
    event.stopPropagation();
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
      {query && (
        <Completion
          id={listId}
          query={query}
          people={people}
          keys={completionKeys}
          onActive={setActive}
          onChoose={choose}
          onEnd={() => setQuery(null)}
        />
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
          aria-controls={active === null ? undefined : listId}
          aria-activedescendant={active ?? undefined}
          aria-describedby={left < charsMax ? `${id}-count` : undefined}
          aria-invalid={left < 0}
          onInput={(event) => {
            // Who goes on writing has not finished.
            setDue(false);
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
          disabled={!canSend || due}
          onClick={submit}
        />
      </div>
      {due && canSend && waitsFor !== null && <p class="composer-note" role="status">{waitsFor}</p>}
      {left < charsMax && (
        <p id={`${id}-count`} class={left < 0 ? "editor-count editor-over" : "editor-count"}>
          {left < 0 ? i18n.t("composer.over", { count: -left }) : i18n.t("composer.left", { count: left })}
        </p>
      )}
    </div>
  );
}
