import { describe, expect, it } from "vitest";
import { tokenise, type Span } from "../../src/ui/richtext.ts";

/** Spans, written short: `b(…)`, `i(…)`, `code(…)`, `block(…)`, `link(…)`, `@name` in brackets, text as it is. */
function short(spans: readonly Span[]): string {
  return spans
    .map((span) => {
      switch (span.type) {
        case "text":
          return span.text;
        case "strong":
          return `b(${short(span.children)})`;
        case "em":
          return `i(${short(span.children)})`;
        case "link":
          return `link(${span.text})`;
        case "mention":
          return `[${span.text}]`;
        default:
          return `${span.type}(${span.text})`;
      }
    })
    .join("");
}

function plain(spans: readonly Span[]): string {
  return spans.map((span) => ("children" in span ? plain(span.children) : span.text)).join("");
}

describe("formatting", () => {
  it.each([
    ["hello", "hello"],
    ["**bold** and *italic* and _italic_", "b(bold) and i(italic) and i(italic)"],
    ["**bold *both* bold**", "b(bold i(both) bold)"],
    ["***both***", "b(i(both))"],
    ["*a **b** c*", "i(a b(b) c)"],
    ["**a _b** c_", "b(a _b) c_"],
    ["**open", "**open"],
    ["*open **inner", "*open **inner"],
    ["**a\nb**", "**a\nb**"],
    ["2*3*4 and 2 * 3 * 4", "2*3*4 and 2 * 3 * 4"],
    ["snake_case_name and __init__", "snake_case_name and __init__"],
    ["这是*重要*的，**非常**重要", "这是i(重要)的，b(非常)重要"],
    ["**** ***** ----", "**** ***** ----"],
    ["a** b**", "a** b**"],
    ["(*x*)", "(i(x))"],
  ])("%s", (source, expected) => {
    expect(short(tokenise(source))).toBe(expected);
  });

  it.each([
    ["`a * b * c`", "code(a * b * c)"],
    ["`open", "`open"],
    ["``", "``"],
    ["`a\nb`", "`a\nb`"],
    ["**bold `code` bold**", "b(bold code(code) bold)"],
    ["```\nlet a = `b`;\n```", "block(let a = `b`;)"],
    ["```js\n1 **2**\n```\nafter", "block(1 **2**)after"],
    ["```inline```", "block(inline)"],
    ["```open", "```open"],
    ["``````", "``````"],
  ])("code: %s", (source, expected) => {
    expect(short(tokenise(source))).toBe(expected);
  });
});

describe("links", () => {
  it.each([
    ["see https://example.org/a?b=c#d.", "see link(https://example.org/a?b=c#d)."],
    ["(https://example.org/wiki/Rust_(language))", "(link(https://example.org/wiki/Rust_(language)))"],
    ["*https://example.org*", "i(link(https://example.org))"],
    ["**https://example.org/a_b_c**", "b(link(https://example.org/a_b_c))"],
    ["HTTPS://EXAMPLE.ORG", "link(HTTPS://EXAMPLE.ORG)"],
    ["<https://example.org>", "<link(https://example.org)>"],
    ["看 https://example.org/路径。好", "看 link(https://example.org/路径。好)"],
    ["看 https://example.org。", "看 link(https://example.org)。"],
    ["xhttps://example.org", "xhttps://example.org"],
    ["https://", "https://"],
    ["https://...", "https://..."],
    ["https://trusted.example@evil.example/", "https://trusted.example@evil.example/"],
    ["https://example.org/\u202egpj.exe", "link(https://example.org/)\u202egpj.exe"],
  ])("%s", (source, expected) => {
    expect(short(tokenise(source))).toBe(expected);
  });
});

describe("mentions", () => {
  it.each([
    ["@alice", "[@alice]"],
    ["hello @Alice, @BOB!", "hello [@Alice], [@BOB]!"],
    ["ask @alice. Or @bob...", "ask [@alice]. Or [@bob]..."],
    ["@a.b-c_d", "[@a.b-c_d]"],
    ["**@alice**", "b([@alice])"],
    ["alice@example.com, é@alice, @@alice, a.@alice", "alice@example.com, é@alice, @@alice, a.@alice"],
    ["@al @.. @", "@al @.. @"],
    [`@${"a".repeat(33)}`, `@${"a".repeat(33)}`],
  ])("%s", (source, expected) => {
    expect(short(tokenise(source))).toBe(expected);
  });
});

describe("hostile text", () => {
  const CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><iframe srcdoc="<script>alert(1)</script>">',
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "[x](javascript:alert(1))",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://example.org/x",
    "https://example.org/\" onmouseover=\"alert(1)",
    "https://example.org/'onmouseover='alert(1)",
    "https://example.org/<script>alert(1)</script>",
    "http://example.org/`${alert(1)}`",
    "https://javascript:alert(1)@example.org/",
    "http://[::1",
    "**<b onclick=alert(1)>**",
    "`</code><script>alert(1)</script>`",
    "```\n</pre><script>alert(1)</script>\n```",
    "@<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3C;script&#x3E;",
    "\u0000javascript:alert(1)",
    "java\tscript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "__proto__ constructor toString",
  ];

  it.each(CORPUS)("%s", (source) => {
    const visit = (spans: readonly Span[]): void => {
      for (const span of spans) {
        if ("children" in span) visit(span.children);
        if (span.type === "link") expect(span.href).toMatch(/^https?:\/\/[^\s<>"`@]+$/);
      }
    };
    const spans = tokenise(source);
    visit(spans);
    expect(source.replace(/```|\*\*|`|\n/g, "")).toBe(plain(spans).replace(/```|\*\*|`|\n/g, ""));
  });

  it.each([
    ["*a "],
    ["**a _b *c "],
    ["_"],
    ["*"],
    ["`"],
    ["`\n"],
    ["```"],
    ["``` "],
    ["@"],
    ["@a."],
    ["@."],
    ["http://"],
    ["http://("],
    ["http://)"],
    ["https://a.b/) "],
    ["h"],
    ["\n"],
    ["**a**"],
    ["*_"],
    ["(((("],
  ])("takes time in proportion to its length: %j, again and again", (piece) => {
    const elapsed = (chars: number): number => {
      const source = piece.repeat(chars / piece.length);
      const began = performance.now();
      tokenise(source);
      return performance.now() - began;
    };
    elapsed(1000);
    expect(elapsed(400_000)).toBeLessThan(1500);
  });

  it("does not go deep", () => {
    expect(() => tokenise("**_*".repeat(100_000))).not.toThrow();
    expect(tokenise(`@${".".repeat(200_000)}a`)).toHaveLength(1);
  });
});
