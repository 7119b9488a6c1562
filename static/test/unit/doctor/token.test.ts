import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../../src/doctor/finding.ts";
import { readToken, repeatsName, tidied } from "../../../src/doctor/jwt.ts";
import { judgeToken, type Known, type TokenFindings } from "../../../src/doctor/token-rules.ts";

const NOW = 1_795_300_000;
const known: Known = { tenant: { slug: "my-shop", publicKey: "pk_1", name: "My shop" }, now: NOW, keys: undefined };

const part = (value: unknown): string => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

const HEADER = { alg: "HS256", typ: "JWT", kid: "key-1" };
const CLAIMS = { iss: "my-shop", aud: "parlour", sub: "42", name: "Ann", iat: NOW - 5, exp: NOW + 595 };

function token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
  const text = `${part({ ...HEADER, ...header })}.${part({ ...CLAIMS, ...claims })}`;
  return `${text}.${createHmac("sha256", "secret").update(text).digest("base64url")}`;
}

function faults(text: string, by: Partial<Known> = {}): Partial<Record<keyof TokenFindings, string[]>> {
  const findings = Object.entries(judgeToken(text, { ...known, ...by }));
  const bad = findings.filter((entry): entry is [string, Finding] => entry[1].state === "broken" || entry[1].state === "warning");
  return Object.fromEntries(bad.map(([id, { seen }]) => [id, seen.map(({ key }) => key.replace("doctor.", ""))]));
}

describe("reading", () => {
  it("takes what people paste", () => {
    for (const text of [" a.b.c\n", "Bearer a.b.c", "Authorization: Bearer a.b.c", '"a.b.c"']) expect(tidied(text)).toBe("a.b.c");
  });

  it("tells why it cannot", () => {
    const signature = "AAAA";
    expect(readToken("sk_abc")).toBe("key");
    expect(readToken("a.b")).toBe("parts");
    expect(readToken("")).toBe("parts");
    expect(readToken(`${part(HEADER)}=.${part(CLAIMS)}.${signature}`)).toBe("base64");
    expect(readToken(`${part(HEADER)}.${part(CLAIMS)}.`)).toBe("base64");
    expect(readToken(`${part("[]")}.${part(CLAIMS)}.${signature}`)).toBe("json");
    expect(readToken(`${part(HEADER)}.${part("nothing")}.${signature}`)).toBe("json");
    expect(readToken(`${part('{"alg":"HS256","alg":"none"}')}.${part(CLAIMS)}.${signature}`)).toBe("twice");
    expect(readToken(`${Buffer.from([0xff, 0xfe]).toString("base64url")}.${part(CLAIMS)}.${signature}`)).toBe("base64");
  });

  it("sees names that come twice at the top only, however they are written", () => {
    expect(repeatsName('{"a":1,"b":{"a":2},"c":["a","a"]}')).toBe(false);
    expect(repeatsName('{"a":1,"\\u0061":2}')).toBe(true);
    expect(repeatsName('{"a":"b\\":","b":1}')).toBe(false);
    expect(repeatsName('{"__proto__":1,"__proto__":2}')).toBe(true);
  });

  it("knows sessions of Parlour's own", () => {
    const session = token({}, { typ: "parlour+jwt" });
    expect(judgeToken(session, known).tokenShape.seen[0]?.key).toBe("doctor.tokenSession");
    expect(judgeToken(session, known).tokenIss.state).toBe("skipped");
  });
});

describe("a token in order", () => {
  it("has no fault", () => {
    expect(faults(token())).toEqual({});
    expect(faults(token({ iss: "pk_1", aud: ["other", "parlour"], nbf: NOW, avatar_url: "https://a.example/b.png", attrs: { a: 1 }, email_hash: "0aF" }))).toEqual({});
    expect(faults(token({ rooms: [{ room: "general", role: "member" }] }))).toEqual({});
    expect(faults(token({ name: null, avatar_url: null, nbf: null }))).toEqual({});
  });

  it("may have no typ", () => {
    expect(faults(token({}, { typ: undefined }))).toEqual({});
  });
});

describe("the header", () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ["no algorithm", { alg: "none" }, "tokenAlg"],
    ["another algorithm", { alg: "RS256" }, "tokenAlg"],
    ["another type", { typ: "at+jwt" }, "tokenTyp"],
    ["a key brought along", { jwk: {} }, "tokenHeaderExtra"],
    ["extensions", { crit: ["b64"] }, "tokenHeaderExtra"],
    ["a kid that is a number", { kid: 5 }, "tokenKidText"],
    ["a signature of another algorithm", { alg: "EdDSA" }, "tokenSignature"],
  ];
  it.each(cases)("%s", (_, header, fault) => {
    expect(faults(token({}, header)).tokenHeader).toContain(fault);
  });

  it("sees signatures of ES256 in DER, and takes those of JWT", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const text = `${part({ ...HEADER, alg: "ES256" })}.${part(CLAIMS)}`;
    const der = sign("sha256", Buffer.from(text), privateKey).toString("base64url");
    const plain = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
    expect(judgeToken(`${text}.${der}`, known).tokenHeader.fixes[0]?.say.key).toBe("doctor.tokenSignatureDer");
    expect(faults(`${text}.${plain}`)).toEqual({});
  });
});

describe("the key", () => {
  const hs = { kid: "key-1", algorithm: "HS256", revokedAt: null };
  const ed = { kid: "key-2", algorithm: "EdDSA", revokedAt: null };
  const gone = { kid: "key-0", algorithm: "HS256", revokedAt: "2026-11-22T06:00:00Z" };

  it("is live and signs like the token", () => {
    expect(faults(token(), { keys: [gone, hs, ed] })).toEqual({});
    expect(faults(token({}, { kid: undefined }), { keys: [gone, hs] })).toEqual({});
  });

  const cases: [string, Record<string, unknown>, (typeof hs | typeof gone)[], string][] = [
    ["none is live", {}, [gone], "tokenKeysNone"],
    ["nobody knows it", { kid: "key-9" }, [hs], "tokenKidWrong"],
    ["it was revoked", { kid: "key-0" }, [gone, hs], "tokenKidRevoked"],
    ["two are live, and none is named", { kid: undefined }, [hs, ed], "tokenKidNeeded"],
    ["it signs in another way", { kid: "key-2" }, [hs, ed], "tokenAlgOther"],
  ];
  it.each(cases)("%s", (_, header, keys, fault) => {
    expect(faults(token({}, header), { keys }).tokenKey).toEqual([fault]);
  });

  it("should be named, when nobody told which there are", () => {
    expect(faults(token({}, { kid: undefined })).tokenKey).toEqual(["tokenKidNone"]);
  });
});

describe("the claims", () => {
  const cases: [string, Record<string, unknown>, keyof TokenFindings, string][] = [
    ["the site's name for iss", { iss: "My shop" }, "tokenIss", "tokenIssName"],
    ["another tenant", { iss: "other" }, "tokenIss", "tokenIssOther"],
    ["iss in capitals", { iss: "My-Shop" }, "tokenIss", "tokenIssOther"],
    ["no iss", { iss: undefined }, "tokenIss", "tokenIssMissing"],
    ["no aud", { aud: undefined }, "tokenAud", "tokenAudMissing"],
    ["another aud", { aud: "https://chat.example" }, "tokenAud", "tokenAudOther"],
    ["no sub", { sub: undefined }, "tokenSub", "tokenSubMissing"],
    ["a number for sub", { sub: 42 }, "tokenSub", "tokenSubText"],
    ["an empty sub", { sub: "" }, "tokenSub", "tokenSubLength"],
    ["a long sub", { sub: "é".repeat(256) }, "tokenSub", "tokenSubLength"],
    ["an address for sub", { sub: "ann@shop.example" }, "tokenSub", "tokenSubAddress"],
    ["no exp", { exp: undefined }, "tokenTimes", "tokenTimeMissing"],
    ["iat in milliseconds", { iat: NOW * 1000 }, "tokenTimes", "tokenTimeMilliseconds"],
    ["exp as a text", { exp: String(NOW + 600) }, "tokenTimes", "tokenTimeText"],
    ["a fraction", { iat: NOW - 0.5 }, "tokenTimes", "tokenTimeFraction"],
    ["too long a life", { exp: NOW - 5 + 3601 }, "tokenTimes", "tokenLife"],
    ["no life at all", { exp: NOW - 5 }, "tokenTimes", "tokenLifeNone"],
    ["an end in the past", { iat: NOW - 900, exp: NOW - 300 }, "tokenTimes", "tokenExpired"],
    ["a clock that is ahead", { iat: NOW + 300, exp: NOW + 900 }, "tokenTimes", "tokenAhead"],
    ["not good yet", { nbf: NOW + 60 }, "tokenTimes", "tokenNbf"],
    ["a name of blanks", { name: " \u200b" }, "tokenProfile", "tokenName"],
    ["a name that turns text", { name: "\u202enimda" }, "tokenProfile", "tokenName"],
    ["a long name", { name: "x".repeat(81) }, "tokenProfile", "tokenName"],
    ["a picture over http", { avatar_url: "http://a.example/b.png" }, "tokenProfile", "tokenPicture"],
    ["a picture that is a script", { avatar_url: "javascript:alert(1)" }, "tokenProfile", "tokenPicture"],
    ["a picture with a password", { avatar_url: "https://a:b@c.example/" }, "tokenProfile", "tokenPicture"],
    ["a hash that is none", { email_hash: "xyz" }, "tokenProfile", "tokenHash"],
    ["attrs that are a list", { attrs: [] }, "tokenProfile", "tokenAttrs"],
    ["attrs of too many bytes", { attrs: { a: "é".repeat(2048) } }, "tokenProfile", "tokenAttrs"],
    ["rooms that are none", { rooms: "general" }, "tokenRooms", "tokenRoomsList"],
    ["a role that is none", { rooms: [{ room: "a", role: "boss" }] }, "tokenRooms", "tokenRoomsEntry"],
    ["a room with more", { rooms: [{ room: "a", role: "member", x: 1 }] }, "tokenRooms", "tokenRoomsEntry"],
    ["too many rooms", { rooms: Array.from({ length: 51 }, () => ({ room: "a", role: "member" })) }, "tokenRooms", "tokenRoomsMany"],
  ];
  it.each(cases)("%s", (_, claims, id, fault) => {
    expect(faults(token(claims))).toMatchObject({ [id]: [fault] });
  });

  it("are let pass at their bounds", () => {
    expect(faults(token({ sub: "é".repeat(255), name: "é".repeat(80), iat: NOW, exp: NOW + 3600 }))).toEqual({});
    expect(faults(token({ iat: NOW - 600, exp: NOW - 4 })).tokenTimes).toBeUndefined();
    expect(judgeToken(token({ iat: NOW + 30, exp: NOW + 600 }), known).tokenTimes.state).toBe("warning");
  });

  it("are told without anything of the token that nobody should see", () => {
    const findings = judgeToken(token({ attrs: { card: "4111" }, email_hash: "abc123", sub: "42", name: "Ann\n" }), known);
    const told = JSON.stringify(findings);
    for (const secret of ["4111", "abc123", "Ann"]) expect(told).not.toContain(secret);
  });

  it("cut long values", () => {
    const [seen] = judgeToken(token({ iss: "x".repeat(500) }), known).tokenIss.seen;
    expect(String(seen?.params?.["iss"]).length).toBeLessThanOrEqual(60);
  });
});

describe("a token too long", () => {
  it("is one", () => {
    expect(faults(token({ attrs: { a: "x".repeat(3900) } })).tokenShape).toEqual(["tokenLong"]);
  });
});
