import { ALIASES, FLAGS, GROUPS } from "./data.ts";

export interface Emoji {
  readonly glyph: string;
  /** In lower case, with `_` between words. */
  readonly name: string;
}

export type EmojiGroup = keyof typeof GROUPS | "flags";

/** All emoji by group, in the order they are shown in. Flags have the names of their regions in this locale. */
export function emojiGroups(locale: string): readonly { group: EmojiGroup; emoji: readonly Emoji[] }[] {
  const regions = new Intl.DisplayNames(locale, { type: "region" });
  const flags = FLAGS.split(" ").map((region) => ({ glyph: flag(region), name: regions.of(region) ?? region }));
  return [...CHARACTERS, { group: "flags", emoji: flags }];
}

/**
 * Emoji whose name, or a word of it, begins like the text: names that people know first, then those that begin so.
 *
 * @param limit how many at most.
 */
export function searchEmoji(text: string, limit: number): Emoji[] {
  const query = text.toLowerCase().trim().replace(/\s+/g, "_");
  const found = new Map<string, Emoji>();
  const add = (emoji: Emoji): void => {
    if (found.size < limit && !found.has(emoji.glyph)) found.set(emoji.glyph, emoji);
  };
  const all = CHARACTERS.flatMap(({ emoji }) => emoji);
  for (const [name, glyph] of Object.entries(ALIASES)) if (name === query) add({ glyph, name });
  for (const [name, glyph] of Object.entries(ALIASES)) if (name.startsWith(query)) add({ glyph, name });
  for (const emoji of all) if (emoji.name.startsWith(query)) add(emoji);
  for (const emoji of all) if (emoji.name.includes(`_${query}`)) add(emoji);
  return [...found.values()];
}

const CHARACTERS: readonly { group: EmojiGroup; emoji: readonly Emoji[] }[] = groupNames().map((group) => ({
  group,
  emoji: GROUPS[group].split(" ").map(parse),
}));

function groupNames(): readonly (keyof typeof GROUPS)[] {
  return ["smileys", "people", "nature", "food", "activities", "travel", "objects", "symbols"];
}

function parse(entry: string): Emoji {
  const at = entry.search(/[a-z]/);
  return { glyph: entry.slice(0, at), name: entry.slice(at) };
}

/** The flag of a region: its letters as regional indicators. */
function flag(region: string): string {
  const INDICATOR_A = 0x1f1e6;
  return String.fromCodePoint(...[...region].map((letter) => INDICATOR_A + letter.charCodeAt(0) - "A".charCodeAt(0)));
}
