import { describe, expect, it } from "vitest";
import { CANDIDATES_MAX, matchingUsers } from "../../../src/ui/conversation/completion.ts";
import { complete, queryAt } from "../../../src/ui/conversation/query.ts";

describe("what could be completed", () => {
  it.each([
    ["@", { type: "user", text: "" }],
    ["hello @an", { type: "user", text: "an" }],
    ["(@an", { type: "user", text: "an" }],
    ["line\n@a.b-c", { type: "user", text: "a.b-c" }],
    ["see :ta", { type: "emoji", text: "ta" }],
    [":+1", { type: "emoji", text: "+1" }],
  ])("%j", (text, expected) => {
    expect(queryAt(text, text.length)).toMatchObject(expected);
  });

  it.each(["ann@example", "@@ann", "@ann ", "at 10:30", "a:b", ":t", "::", `@${"a".repeat(33)}`, ""])("not %j", (text) => {
    expect(queryAt(text, text.length)).toBeNull();
  });

  it("is what stands before the caret", () => {
    expect(queryAt("@ann and @ben", 4)).toEqual({ type: "user", text: "ann", from: 0, to: 4 });
    expect(queryAt("@ann and @ben", 6)).toBeNull();
  });
});

it("a candidate takes the query's place, with one space behind it", () => {
  const candidate = { key: "1", insert: "@benjamin", label: "Ben" };
  const query = queryAt("hi @be", 6);
  expect(query && complete("hi @be", query, candidate)).toEqual({ text: "hi @benjamin ", caret: 13 });
  const inside = queryAt("hi @be there", 6);
  expect(inside && complete("hi @be there", inside, candidate)).toEqual({ text: "hi @benjamin there", caret: 13 });
});

describe("users who match", () => {
  const users = [
    { id: "1", username: "ann", name: "Ann Arbor" },
    { id: "2", username: "ben-x", name: "Änne Berg" },
    { id: "3", username: "__proto__" },
    { id: "1", username: "ann", name: "Ann Arbor" },
  ];
  const names = (text: string): string[] => matchingUsers(users, text).map(({ insert }) => insert);

  it("begin like the query, in any word of theirs, once each", () => {
    expect(names("")).toEqual(["@ann", "@ben-x", "@__proto__"]);
    expect(names("AN")).toEqual(["@ann"]);
    expect(names("berg")).toEqual(["@ben-x"]);
    expect(names("__pro")).toEqual(["@__proto__"]);
    expect(names("nn")).toEqual([]);
  });

  it("are a few", () => {
    const crowd = Array.from({ length: 50 }, (_, index) => ({ id: `${index}`, username: `user${index}` }));
    expect(matchingUsers(crowd, "user")).toHaveLength(CANDIDATES_MAX);
  });
});
