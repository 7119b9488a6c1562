import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { tokenise, type Span } from "./richtext.ts";

interface RichTextProps {
  /** As its author typed it. */
  text: string;
  /** The user name of whoever reads: a mention of it stands out. */
  me?: string | undefined;
  /** Whether somebody is named in it; otherwise `@…` is text like any other. */
  mentions: boolean;
}

/** A message's text with its formatting: elements made of spans, so that nothing in it is ever taken for markup. */
export function RichText({ text, me, mentions }: RichTextProps): JSX.Element {
  const spans = useMemo(() => tokenise(text), [text]);
  return <>{spans.map((span) => view(span, mentions, me?.toLowerCase()))}</>;
}

function view(span: Span, mentions: boolean, me: string | undefined): JSX.Element | string {
  switch (span.type) {
    case "text":
      return span.text;
    case "code":
      return <code>{span.text}</code>;
    case "block":
      return <pre><code>{span.text}</code></pre>;
    case "strong":
      return <strong>{span.children.map((child) => view(child, mentions, me))}</strong>;
    case "em":
      return <em>{span.children.map((child) => view(child, mentions, me))}</em>;
    case "link":
      return <a href={span.href} target="_blank" rel="noopener noreferrer nofollow ugc">{span.text}</a>;
    case "mention":
      if (!mentions) return span.text;
      return <span class={`mention ${span.text.slice(1).toLowerCase() === me ? "mention-me" : ""}`}>{span.text}</span>;
  }
}
