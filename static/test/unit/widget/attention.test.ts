import { beforeEach, describe, expect, it, vi } from "vitest";
import { countInTitle } from "../../../src/widget/attention.ts";

const one = {};
const another = {};

describe("the number of unread messages in the title", () => {
  beforeEach(() => {
    vi.stubGlobal("document", { title: "A page" });
    return () => {
      countInTitle(one, 0);
      countInTitle(another, 0);
      vi.unstubAllGlobals();
    };
  });

  it("stands in front, and goes away", () => {
    countInTitle(one, 2);
    expect(document.title).toBe("(2) A page");
    countInTitle(one, 3);
    expect(document.title).toBe("(3) A page");
    countInTitle(one, 0);
    expect(document.title).toBe("A page");
  });

  it("is the sum of all chats of the page", () => {
    countInTitle(one, 2);
    countInTitle(another, 5);
    expect(document.title).toBe("(7) A page");
    countInTitle(one, 0);
    expect(document.title).toBe("(5) A page");
  });

  it("leaves the page its own changes of the title", () => {
    countInTitle(one, 1);
    document.title = "Another page";
    countInTitle(one, 2);
    expect(document.title).toBe("(2) Another page");
    document.title = "(9) Not ours";
    countInTitle(one, 0);
    expect(document.title).toBe("(9) Not ours");
  });

  it("touches nothing where nothing is unread", () => {
    countInTitle(one, 0);
    expect(document.title).toBe("A page");
  });
});
