import { beforeEach, describe, expect, it, vi } from "vitest";
import { readOptions, sideOf, type Position } from "../../../src/widget/options.ts";

const BASE = "https://chat.example/deep/";

function element(attributes: Record<string, string>): Pick<Element, "getAttribute" | "hasAttribute"> {
  return { getAttribute: (name) => attributes[name] ?? null, hasAttribute: (name) => name in attributes };
}

function read(attributes: Record<string, string>) {
  return readOptions(element(attributes), BASE);
}

describe("what a site asks for", () => {
  beforeEach(() => {
    vi.stubGlobal("document", { documentElement: { lang: "es" } });
    vi.stubGlobal("navigator", { languages: ["de-AT", "en"] });
    return () => vi.unstubAllGlobals();
  });

  it("has defaults, which stand for what makes no sense too", () => {
    const defaults = { mode: "bubble", theme: "auto", position: "end", navigation: "full", isOpen: false, consent: false };
    expect(read({})).toMatchObject({ ...defaults, server: BASE, tenant: undefined, room: undefined });
    expect(read({ mode: "sphere", theme: "pink", position: "top", navigation: "", consent: "yes" })).toMatchObject(defaults);
  });

  it("shows one room if one is named, and all if that is asked for", () => {
    expect(read({ room: "lobby" }).navigation).toBe("room");
    expect(read({ room: "lobby", navigation: "full" }).navigation).toBe("full");
    expect(read({ room: " " })).toMatchObject({ room: undefined, navigation: "full" });
  });

  it("is open where it is part of the page, or is said to be", () => {
    expect(read({ mode: "inline" }).isOpen).toBe(true);
    expect(read({ open: "" }).isOpen).toBe(true);
    expect(read({ open: "false" }).isOpen).toBe(false);
  });

  it("takes the page's language before the browser's", () => {
    expect(read({}).locales).toEqual(["es", "de-AT", "en"]);
    expect(read({ locale: "ar" }).locales[0]).toBe("ar");
  });

  it("takes a server's address with or without a slash, and nothing of it but where it is", () => {
    expect(read({ server: "https://other.example" }).server).toBe("https://other.example/");
    expect(read({ server: "https://user:secret@other.example/sub?token=x#y" }).server).toBe("https://other.example/sub/");
    expect(read({ server: "/relative" }).server).toBe("https://chat.example/relative/");
    expect(read({ server: "https://" }).server).toBe(BASE);
    expect(read({ server: "javascript:alert(1)" }).server).toBe(BASE);
  });

  it("reads a list of ways to notify", () => {
    expect(read({ notify: "sound  title" }).notify).toEqual({ title: true, sound: true });
    expect(read({}).notify).toEqual({ title: false, sound: false });
  });
});

it("a position has a side that follows the text, or stays", () => {
  const positions: Position[] = ["end", "start", "bottom-right", "bottom-left"];
  expect(positions.map((position) => sideOf(position, "ltr"))).toEqual(["end", "start", "end", "start"]);
  expect(positions.map((position) => sideOf(position, "rtl"))).toEqual(["end", "start", "start", "end"]);
});
