/** A piece of a message's text. */
export type Span =
  | { readonly type: "text" | "code" | "block" | "mention"; readonly text: string }
  | { readonly type: "link"; readonly text: string; readonly href: string }
  | { readonly type: "strong" | "em"; readonly children: readonly Span[] };

type Delimiter = "**" | "*" | "_";

/** An opened `**`, `*` or `_`, with what has come since. */
interface Frame {
  readonly delimiter: Delimiter | null;
  readonly children: Span[];
}

/** Ends at what could make an address read as another one: quotes, control characters, marks of direction. */
const LINK = /https?:\/\/[^\s<>"`\p{Cc}\p{Cf}]+/iuy;
const MENTION = /@([a-z0-9_.-]+)/iy;
const WORD = /[\p{L}\p{N}_]/u;
/** Scripts without spaces have no such thing as the middle of a word, so `*` asks for these only. */
const LATIN_WORD = /[\p{Script=Latin}\p{N}]/u;
const BEFORE_MENTION = /[\p{L}\p{N}@_.-]/u;
const TRAILING = new Set(".,;:!?'*_~\u2026\u3002\uff0c\u3001\uff01\uff1f\uff1b\uff1a");

/** As the server has it: shorter and longer names are nobody's. */
const NAME_CHARS = { min: 3, max: 32 };

/**
 * Cuts a message's text into spans: `**bold**`, `*italic*` and `_italic_` within a line, `` `code` ``, fenced code,
 * links and mentions. What is not closed is text, and no character is lost but the marks. There is no other way in for
 * markup: views make elements of spans, and text nodes of their texts. Takes time in proportion to the text's length,
 * whatever it holds.
 */
export function tokenise(source: string): readonly Span[] {
  return new Tokeniser(source).run();
}

class Tokeniser {
  readonly #source: string;
  readonly #frames: [Frame, ...Frame[]] = [{ delimiter: null, children: [] }];
  #at = 0;
  /** Where the text begins that is not in a span yet. */
  #from = 0;
  /** Marks that do not come any more; asked for once. */
  readonly #absent = new Set<string>();

  constructor(source: string) {
    this.#source = source;
  }

  run(): readonly Span[] {
    const source = this.#source;
    while (this.#at < source.length) {
      if (!this.#take(source.charAt(this.#at))) this.#at += 1;
    }
    this.#flush();
    this.#abandon(1);
    return this.#frames[0].children;
  }

  #take(char: string): boolean {
    switch (char) {
      case "`":
        return this.#code();
      case "*":
      case "_":
        return this.#emphasis(char);
      case "h":
      case "H":
        return this.#link();
      case "@":
        return this.#mention();
      case "\n":
        this.#flush();
        this.#abandon(1);
        return false;
      default:
        return false;
    }
  }

  #code(): boolean {
    const source = this.#source;
    if (source.startsWith("```", this.#at)) {
      const end = this.#find("```", this.#at + 3);
      if (end === -1) {
        this.#at += 3;
        return true;
      }
      const text = source.slice(this.#at + 3, end).replace(/^[\w+#-]*\n/, "").replace(/\n$/, "");
      if (text.trim() === "") {
        this.#at = end + 3;
        return true;
      }
      this.#flush();
      this.#abandon(1);
      this.#push({ type: "block", text }, end + 3);
      // The block stands on its own lines; those around it would be empty ones.
      if (source[this.#at] === "\n") this.#from = this.#at += 1;
      return true;
    }
    const end = this.#find("`", this.#at + 1);
    const text = end === -1 ? "" : source.slice(this.#at + 1, end);
    if (text === "" || text.includes("\n")) return false;
    this.#flush();
    this.#push({ type: "code", text }, end + 1);
    return true;
  }

  #emphasis(char: "*" | "_"): boolean {
    const source = this.#source;
    let run = 1;
    while (source[this.#at + run] === char) run += 1;
    if (run > 3) {
      this.#at += run;
      return true;
    }
    const top = this.#frames.at(-1)?.delimiter;
    const single = run === 1 || (char === "*" && run === 3 && top === "*");
    if (!single && char === "_") {
      this.#at += run;
      return true;
    }
    const delimiter: Delimiter = single ? char : "**";
    const before = source.charAt(this.#at - 1);
    const after = source.charAt(this.#at + delimiter.length);
    const opened = this.#frames.findIndex((frame) => frame.delimiter === delimiter);
    if (opened !== -1 && /\S/.test(before) && (delimiter === "**" || char === "*" || !WORD.test(after))) {
      this.#close(opened, delimiter);
      return true;
    }
    if (opened === -1 && /\S/.test(after) && (delimiter === "**" || !(char === "*" ? LATIN_WORD : WORD).test(before))) {
      this.#flush();
      this.#frames.push({ delimiter, children: [] });
      this.#at += delimiter.length;
      this.#from = this.#at;
      return true;
    }
    this.#at += delimiter.length;
    return true;
  }

  #close(opened: number, delimiter: Delimiter): void {
    this.#flush();
    this.#abandon(opened + 1);
    const children = this.#frames.pop()?.children ?? [];
    this.#push({ type: delimiter === "**" ? "strong" : "em", children }, this.#at + delimiter.length);
  }

  #link(): boolean {
    const source = this.#source;
    if (WORD.test(source.charAt(this.#at - 1))) return false;
    LINK.lastIndex = this.#at;
    const match = LINK.exec(source);
    if (!match) return false;
    const text = untrailed(match[0]);
    const href = safeHref(text);
    if (href === null) {
      this.#at += match[0].length;
      return true;
    }
    this.#flush();
    this.#push({ type: "link", text, href }, this.#at + text.length);
    return true;
  }

  #mention(): boolean {
    const source = this.#source;
    if (BEFORE_MENTION.test(source.charAt(this.#at - 1))) return false;
    MENTION.lastIndex = this.#at;
    const name = MENTION.exec(source)?.[1];
    if (name === undefined) return false;
    const trimmed = withoutEnd(name, ".-_");
    if (trimmed.length < NAME_CHARS.min || trimmed.length > NAME_CHARS.max) {
      this.#at += 1 + name.length;
      return true;
    }
    this.#flush();
    this.#push({ type: "mention", text: `@${trimmed}` }, this.#at + 1 + trimmed.length);
    return true;
  }

  /** Adds a span, and goes on at `next`. */
  #push(span: Span, next: number): void {
    this.#frames.at(-1)?.children.push(span);
    this.#from = this.#at = next;
  }

  /** Makes a span of the text that has none yet. */
  #flush(): void {
    this.#text(this.#source.slice(this.#from, this.#at));
    this.#from = this.#at;
  }

  #text(text: string): void {
    append(this.#frames.at(-1)?.children, text);
  }

  /** What was opened and never closed is text after all: from frame number `from` on. There are three at most. */
  #abandon(from: number): void {
    while (this.#frames.length > from) {
      const frame = this.#frames.pop();
      const parent = this.#frames.at(-1)?.children;
      append(parent, frame?.delimiter ?? "");
      for (const child of frame?.children ?? []) {
        if (child.type === "text") append(parent, child.text);
        else parent?.push(child);
      }
    }
  }

  #find(mark: string, from: number): number {
    if (this.#absent.has(mark)) return -1;
    const found = this.#source.indexOf(mark, from);
    if (found === -1) this.#absent.add(mark);
    return found;
  }
}

/** Adds text to spans, to the last of them if that is text. */
function append(spans: Span[] | undefined, text: string): void {
  if (!spans || text === "") return;
  const last = spans.at(-1);
  if (last?.type === "text") spans[spans.length - 1] = { type: "text", text: last.text + text };
  else spans.push({ type: "text", text });
}

function withoutEnd(text: string, chars: string): string {
  let end = text.length;
  while (end > 0 && chars.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** A link without the punctuation at its end that is the sentence's, and without brackets that it does not open. */
function untrailed(link: string): string {
  let open = 0;
  for (const char of link) open += char === "(" ? 1 : char === ")" ? -1 : 0;
  let end = link.length;
  for (; end > 0; end -= 1) {
    const char = link.charAt(end - 1);
    if (char === ")" && open < 0) open += 1;
    else if (!TRAILING.has(char)) break;
  }
  return link.slice(0, end);
}

/** The address of a link to the web, null for what is none, or hides where it leads behind a user name. */
function safeHref(text: string): string | null {
  try {
    const url = new URL(text);
    const isWeb = url.protocol === "https:" || url.protocol === "http:";
    return isWeb && url.username === "" && url.password === "" ? url.href : null;
  } catch {
    return null;
  }
}
