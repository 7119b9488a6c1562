import { expect, it } from "vitest";
import { I18n } from "../../src/i18n/i18n.ts";
import { durationText } from "../../src/ui/duration.ts";

it.each([
  [1, "1 second"],
  [41_200, "42 seconds"],
  [119_000, "119 seconds"],
  [121_000, "3 minutes"],
  [7_200_000, "2 hours"],
])("%i ms are %s", (milliseconds, text) => {
  expect(durationText(new I18n("en", {}), milliseconds)).toBe(text);
});

it("is said in the reader's language", () => {
  expect(durationText(new I18n("de", {}), 2000)).toBe("2 Sekunden");
});
