import { describe, expect, it } from "vitest";
import { ALIASES } from "../../src/ui/emoji/data.ts";
import { emojiGroups, searchEmoji } from "../../src/ui/emoji/search.ts";

const EMOJI = new RegExp("^\\p{RGI_Emoji}$", "v");

describe("the emoji", () => {
  it("are emoji, each once, with a name each", () => {
    const all = emojiGroups("en").flatMap(({ emoji }) => emoji);
    expect(all.length).toBeGreaterThan(1000);
    expect(all.filter(({ glyph }) => !EMOJI.test(glyph))).toEqual([]);
    expect(new Set(all.map(({ glyph }) => glyph)).size).toBe(all.length);
    expect(all.filter(({ name }) => name === "")).toEqual([]);
  });

  it("have flags by the names that a language has for regions", () => {
    const flags = (locale: string): readonly { glyph: string; name: string }[] => emojiGroups(locale).at(-1)?.emoji ?? [];
    expect(flags("de").find(({ glyph }) => glyph === "🇪🇸")?.name).toBe("Spanien");
    expect(flags("es").find(({ glyph }) => glyph === "🇩🇪")?.name).toBe("Alemania");
  });

  it("have short names that lead to one of them", () => {
    for (const glyph of Object.values(ALIASES)) expect(glyph, glyph).toMatch(EMOJI);
  });
});

describe("searching", () => {
  const glyphs = (text: string): string[] => searchEmoji(text, 5).map(({ glyph }) => glyph);

  it("finds what people call them first", () => {
    expect(glyphs("tada")[0]).toBe("🎉");
    expect(glyphs("+1")[0]).toBe("👍");
    expect(glyphs("heart")[0]).toBe("❤️");
    expect(glyphs("rocket")).toEqual(["🚀"]);
  });

  it("finds a word within a name", () => {
    expect(glyphs("sunglasses")).toContain("😎");
    expect(glyphs("thumbs up")).toContain("👍");
  });

  it("finds nothing for nonsense, and never more than it is asked for", () => {
    expect(glyphs("qqqq")).toEqual([]);
    expect(glyphs("constructor")).toEqual([]);
    expect(searchEmoji("f", 3)).toHaveLength(3);
  });
});
