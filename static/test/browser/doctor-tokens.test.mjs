// @ts-check
// The embed doctor looks at tokens, against the real server.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { claims, now, sign } from "../../../tests/clients/test/security/support/tokens.mjs";
import { launch, REFUSED, visitor } from "./support/browser.mjs";
import { examine } from "./support/doctor.mjs";
import { startServer, tenant } from "./support/server.mjs";

const ORIGIN = "https://www.shop.example";

const chat = await startServer({ "socket.longpoll_window": "1s" });
const browser = await launch();
const site = await tenant(chat, { allowed_origins: [ORIGIN] });
const { key } = site;
const { secret: admin } = await site.tenantAdmin();

/** A policy that lets the chat in, and forbids what it can do without. */
const CSP =
  `default-src 'none'; script-src ${chat.url}; connect-src ${chat.url} ${chat.url.replace("http", "ws")}; img-src https:; ` +
  "require-trusted-types-for 'script'; trusted-types 'none'";

/**
 * @param {import("node:test").TestContext} t
 * @param {object} [options]
 */
async function page(t, options = {}) {
  const context = await visitor(t, browser, { origins: [chat.url], errors: REFUSED, ...options });
  return context.newPage();
}

/**
 * A token, with claims and parts of the header that are other than they should be.
 *
 * @param {object} [others]
 * @param {object} [header]
 * @param {import("../../../tests/clients/test/security/support/tokens.mjs").Key} [by]
 */
function token(others, header, by = key) {
  return sign(by, claims(site.slug, { name: "Ann", ...others }), header);
}

describe("where all is well", () => {
  it("a token of a user has no fault", async (t) => {
    const found = await examine(await page(t), chat.url, { tenant: site.publicKey, origin: ORIGIN, csp: CSP, token: token(), admin });
    assert.deepEqual(found.in("broken", "warning", "skipped", "running"), [], JSON.stringify(found.texts, null, 1));
    assert.match(found.verdict, /Everything that was examined works/);
    found.says("server", /Version \d+\.\d+/);
    found.says("origin", /To look further/);
  });

  it("a guest has no fault either, and nothing of a token is judged", async (t) => {
    const found = await examine(await page(t), chat.url, { tenant: site.slug, origin: `${ORIGIN}/some/page`, csp: CSP });
    assert.deepEqual(found.in("broken", "warning"), []);
    assert.deepEqual(found.in("skipped").length, 10);
    assert.equal(found.states.accepted, "good");
  });

  it("a session of Parlour's own is taken as what it is", async (t) => {
    const user = await site.user("Ann");
    const found = await examine(await page(t), chat.url, { tenant: site.slug, token: user.token });
    assert.deepEqual(found.in("broken", "warning"), []);
    found.says("tokenShape", /session of Parlour’s own/);
    found.says("accepted", /host/);
  });
});

it("a token with a fault", async (t) => {
  /** @type {[what: string, token: () => string, fault: Record<string, RegExp[]>][]} */
  const cases = [
    ["for another tenant", () => token({ iss: "other-website" }), { tokenIss: [/other-website/, new RegExp(site.slug)] }],
    ["for nobody", () => token({ aud: undefined }), { tokenAud: [/aud is missing/, /"aud": "parlour"/] }],
    ["for somebody else", () => token({ aud: "https://shop.example" }), { tokenAud: [/shop\.example/] }],
    ["that has ended", () => token({ iat: now() - 7200, exp: now() - 3600 }), { tokenTimes: [/ended .*ago/, /clock .* behind/] }],
    ["that lives too long", () => token({ exp: now() + 86_400 }), { tokenTimes: [/lives for 24 hrs?.*60 min/, /iat plus 600/] }],
    ["in milliseconds", () => token({ iat: Date.now(), exp: Date.now() + 600_000 }), { tokenTimes: [/iat is in milliseconds/, /Math\.floor/] }],
    ["from a clock that is ahead", () => token({ iat: now() + 300, exp: now() + 900 }), { tokenTimes: [/5 mins? in the future/, /NTP/] }],
    ["not good yet", () => token({ nbf: now() + 300 }), { tokenTimes: [/nbf/] }],
    ["with a number for sub", () => token({ sub: 42 }), { tokenSub: [/type number/] }],
    ["with a picture over http", () => token({ avatar_url: "http://shop.example/a.png" }), { tokenProfile: [/https/] }],
    ["with a role that is none", () => token({ rooms: [{ room: "general", role: "boss" }] }), { tokenRooms: [/Entry 1/, /moderator/] }],
    ["without an algorithm", () => token({}, { alg: "none" }), { tokenHeader: [/HS256, EdDSA and ES256/] }],
    ["that says EdDSA and is HS256", () => token({}, { alg: "EdDSA" }), { tokenHeader: [/64 bytes; this one has 32/] }],
  ];
  const where = await page(t);
  for (const [what, made, fault] of cases) {
    await t.test(what, async () => {
      const found = await examine(where, chat.url, { tenant: site.slug, token: made() });
      found.hasFaults({ ...fault, accepted: [/refuses the token, because of what is said above/] });
      found.says("accepted", /log under [0-9a-f-]{36}/);
    });
  }
});

describe("a key with a fault, named by an administrator's token", () => {
  it("a kid that nobody has", async (t) => {
    const found = await examine(await page(t), chat.url, { tenant: site.slug, token: token({}, { kid: "old" }), admin });
    found.hasFaults({ tokenKey: [/no key called “old”/, new RegExp(key.kid ?? "-")], accepted: [/above/] });
  });

  it("a secret that is not the key's", async (t) => {
    const forged = token({}, {}, { ...key, material: Buffer.from(String(key.material)).toString("base64") });
    const found = await examine(await page(t), chat.url, { tenant: site.slug, token: forged, admin });
    found.hasFaults({ accepted: [/signature is not that key’s/, /do not decode it/] });
  });

  it("a public key taken for a secret", async (t) => {
    const mixed = await tenant(chat);
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const pair = await mixed.newKey({ algorithm: "EdDSA", kid: "pair", public_key: pem, material: privateKey });
    const boss = await mixed.tenantAdmin();
    const asked = { tenant: mixed.slug, admin: boss.secret };
    const where = await page(t);
    const wrong = sign({ algorithm: "HS256", kid: "pair", material: pem }, claims(mixed.slug, { name: "Ann" }));
    const found = await examine(where, chat.url, { ...asked, token: wrong });
    found.hasFaults({ tokenKey: [/“pair” signs with EdDSA, and the token says HS256/, /never the secret/], accepted: [/above/] });
    const right = await examine(where, chat.url, { ...asked, token: sign(pair, claims(mixed.slug, { name: "Ann" })) });
    assert.deepEqual(right.in("broken"), []);
  });

  it("without that token, the three that are left are named", async (t) => {
    const found = await examine(await page(t), chat.url, { tenant: site.slug, token: token({}, { kid: "old" }) });
    found.hasFaults({ accepted: [/key \(kid, alg\) or the signature/, new RegExp(`parlour key list ${site.slug}`)] });
  });

  it("an administrator's token that is none", async (t) => {
    const found = await examine(await page(t), chat.url, { tenant: site.slug, token: token(), admin: "ta_wrong" });
    found.hasFaults({ admin: [/401/] });
  });
});
