import { expect, it } from "vitest";
import { hue, initials } from "../../src/ui/avatar.tsx";

it.each([
  ["Ann Arbor", "AA"],
  ["ann", "A"],
  ["ben.k", "BK"],
  ["Jean-Luc van der Berg", "JB"],
  ["élodie", "É"],
  ["王小明", "王"],
  ["🦊 fox", "🦊F"],
  ["  ", ""],
])("%j is written %j", (name, expected) => {
  expect(initials(name)).toBe(expected);
});

it("a user's colour is one of twelve, and always the same", () => {
  const hues = Array.from({ length: 500 }, (_, index) => hue(`01a2032e-258f-75a8-962d-${index}`));
  expect(new Set(hues)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
  expect(hue("01a2032e-258f-75a8-962d-59d3ba5ebdec")).toBe(hue("01a2032e-258f-75a8-962d-59d3ba5ebdec"));
});
