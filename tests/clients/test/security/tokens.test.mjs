// @ts-check
// Forged, confused and malformed tokens: all are refused alike, at once, and make the server ask nobody.
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, it } from "node:test";
import { handshake } from "../../support/wire.mjs";
import { comparable, send } from "./support/http.mjs";
import { median } from "./support/statistics.mjs";
import { target } from "./support/target.mjs";
import { claims, now, segment, sign, signature } from "./support/tokens.mjs";

const REFUSED = '{"error":"unauthorized"}';

const server = await target();
after(() => server.close());
const KID = "the-same-name";
const ed = generateKeyPairSync("ed25519");
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (/** @type {import("node:crypto").KeyObject} */ key) => String(key.export({ type: "spki", format: "pem" }));
const [ours, theirs] = await Promise.all([server.site(), server.site()]);
const edKey = await ours.newKey({ algorithm: "EdDSA", kid: KID, public_key: pem(ed.publicKey), material: ed.privateKey });
const ecKey = await theirs.newKey({ algorithm: "ES256", public_key: pem(ec.publicKey), material: ec.privateKey });
const third = await server.site();
// The same name, another secret.
const sameKid = await third.newKey({ kid: KID });
const revoked = third.key;
await third.admin("DELETE", `/keys/${revoked.kid}`);
const hsKey = ours.key;

/** Nobody may ever ask here. */
let calls = 0;
const listener = createServer((socket) => {
  calls += 1;
  socket.destroy();
});
before(async () => {
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
});
after(() => listener.close());

/**
 * A proper token of ours, but for what is given.
 *
 * @param {object} [others] claims
 * @param {object} [header]
 */
const ofUs = (others, header) => sign(hsKey, claims(ours.slug, others), header);
/** @param {unknown} payload in place of the claims */
const saying = (payload) => {
  const text = `${segment({ alg: "HS256", typ: "JWT", kid: hsKey.kid })}.${segment(payload)}`;
  return `${text}.${signature("HS256", hsKey.material, text)}`;
};
/** @param {string} token */
const unsigned = (token) => token.slice(0, token.lastIndexOf("."));

/** @returns {Record<string, string>} what is refused, by what is wrong with it */
function corpus() {
  const { port } = /** @type {import("node:net").AddressInfo} */ (listener.address());
  const url = `http://127.0.0.1:${port}/keys`;
  const proper = ofUs();
  const jwk = { kty: "oct", k: randomBytes(32).toString("base64url") };
  const none = (/** @type {string} */ alg) => `${segment({ alg, typ: "JWT", kid: hsKey.kid })}.${segment(claims(ours.slug))}.`;
  /** @type {Record<string, string>} */
  const tokens = {
    "no algorithm": none("none"),
    "no algorithm, in capitals": none("NONE"),
    "no algorithm, oddly written": none("nOnE"),
    "an empty algorithm": none(""),
    "no algorithm, with the signature of another token": none("none") + proper.slice(proper.lastIndexOf(".") + 1),
    "HS256 with the public key as the secret": sign({ algorithm: "HS256", kid: KID, material: pem(ed.publicKey) }, claims(ours.slug)),
    "HS256 with the public key's bytes as the secret": sign(
      { algorithm: "HS256", kid: KID, material: ed.publicKey.export({ type: "spki", format: "der" }).toString("latin1") },
      claims(ours.slug),
    ),
    "EdDSA named, signed with the secret": ofUs({}, { alg: "EdDSA" }),
    "the secret's key named, signed with the other": sign({ ...edKey, kid: hsKey.kid }, claims(ours.slug)),
    "HS384": sign({ ...hsKey, algorithm: "HS384" }, claims(ours.slug)),
    "HS512": sign({ ...hsKey, algorithm: "HS512" }, claims(ours.slug)),
    "RS256": sign({ algorithm: "RS256", kid: hsKey.kid, material: rsa.privateKey }, claims(ours.slug), { alg: "RS256" }),
    "ES256 with a signature of zeros": `${unsigned(sign(ecKey, claims(theirs.slug)))}.${segment("\0".repeat(64))}`,
    "ES256 in the DER form": derSigned(),
    "another secret": sign({ ...hsKey, material: randomBytes(32).toString("base64url") }, claims(ours.slug)),
    "an empty secret": sign({ ...hsKey, material: "" }, claims(ours.slug)),
    "a key of the same name of another tenant": sign(sameKid, claims(ours.slug)),
    "another tenant's key": sign(theirs.key, claims(ours.slug)),
    "another tenant's key under our key's name": sign({ ...theirs.key, kid: hsKey.kid }, claims(ours.slug)),
    "for another tenant than the key's": sign(hsKey, claims(theirs.slug)),
    "a key that was revoked": sign(revoked, claims(third.slug)),
    "a key that does not exist": ofUs({}, { kid: "nobody" }),
    "no key named where there are two": ofUs({}, { kid: undefined }),
    "a key named by a path": sign({ algorithm: "HS256", kid: "../../../dev/null", material: "" }, claims(ours.slug)),
    "a key named by a statement": ofUs({}, { kid: "x' UNION SELECT 'secret' --" }),
    "a key named by a number": ofUs({}, { kid: 7 }),
    "a key named by an empty text": ofUs({}, { kid: "" }),
    "a key to be fetched": ofUs({}, { jku: url }),
    "a certificate to be fetched": ofUs({}, { x5u: url }),
    "a key to be fetched, signed with nothing known": sign({ algorithm: "HS256", material: jwk.k }, claims(ours.slug), { jku: url }),
    "a key of its own": sign({ algorithm: "HS256", material: Buffer.from(jwk.k, "base64url").toString("latin1") }, claims(ours.slug), { jwk }),
    "a key of its own beside the right signature": ofUs({}, { jwk }),
    "a certificate of its own": ofUs({}, { x5c: ["MIIB"] }),
    "critical extensions": ofUs({}, { crit: ["exp"] }),
    "of the type of our own tokens": ofUs({}, { typ: "parlour+jwt" }),
    "of the type of access tokens": ofUs({}, { typ: "at+jwt" }),
    "with a type that is no text": ofUs({}, { typ: 1 }),
    "no issuer": ofUs({ iss: undefined }),
    "an issuer that does not exist": ofUs({ iss: "nobody-at-all" }),
    "issuers as a list": ofUs({ iss: [ours.slug] }),
    "no audience": ofUs({ aud: undefined }),
    "another audience": ofUs({ aud: "somewhere-else" }),
    "other audiences": ofUs({ aud: ["somewhere", "else"] }),
    "an audience that is no text": ofUs({ aud: { parlour: true } }),
    "no subject": ofUs({ sub: undefined }),
    "an empty subject": ofUs({ sub: "" }),
    "a number as the subject": ofUs({ sub: 42 }),
    "a subject of 256 characters": ofUs({ sub: "x".repeat(256) }),
    "no end": ofUs({ exp: undefined }),
    "an end as a text": ofUs({ exp: String(now() + 600) }),
    "an end with a fraction": ofUs({ exp: now() + 600.5 }),
    "no end but null": ofUs({ exp: null }),
    "an end in the past": ofUs({ iat: now() - 1200, exp: now() - 600 }),
    "an end beyond all numbers": saying(JSON.stringify(claims(ours.slug)).replace(/"exp":\d+/, '"exp":1e400')),
    "an end before its beginning": ofUs({ iat: now(), exp: now() - 1 }),
    "longer than an hour": ofUs({ exp: now() + 3700 }),
    "no time of issue": ofUs({ iat: undefined }),
    "a time of issue as a text": ofUs({ iat: String(now()) }),
    "issued in the far future": ofUs({ iat: now() + 3600, exp: now() + 3900 }),
    "not good yet": ofUs({ nbf: now() + 300 }),
    "a beginning as a text": ofUs({ nbf: "soon" }),
    "a name that is no text": ofUs({ name: { $ne: null } }),
    "a name that is too long": ofUs({ name: "x".repeat(81) }),
    "an avatar that is a script": ofUs({ avatar_url: "javascript:alert(1)" }),
    "an avatar without TLS": ofUs({ avatar_url: "http://cdn.example/a.png" }),
    "attributes that are a list": ofUs({ attrs: [1] }),
    "attributes of more than 4 KiB": ofUs({ attrs: { x: "y".repeat(4200) } }),
    "rooms that are no list": ofUs({ rooms: { room: "general", role: "member" } }),
    "a role that does not exist": ofUs({ rooms: [{ room: "general", role: "emperor" }] }),
    "more than 50 rooms": ofUs({ rooms: Array.from({ length: 51 }, () => ({ room: "g", role: "member" })) }),
    "of more than 4096 bytes": ofUs({ padding: "x".repeat(4096) }),
    "claims that are a list": saying([]),
    "claims that are a text": saying('"text"'),
    "claims that are no JSON": saying("{"),
    "claims nested deeply": saying(`${'{"a":'.repeat(700)}1${"}".repeat(700)}`),
    "a header that is no JSON": `${segment("{")}.${segment(claims(ours.slug))}.${segment("x")}`,
    "a signature that is cut off": proper.slice(0, -8),
    "no signature": `${unsigned(proper)}.`,
    "two parts": unsigned(proper),
    "four parts": `${proper}.${segment("x")}`,
    "another claim under the signature": proper.replace(/\.[^.]+\./, `.${segment(claims(ours.slug, { sub: "admin" }))}.`),
    "padding": `${proper}==`,
    "blanks inside": proper.replace(".", ". "),
    "nothing but dots": "..",
    "nothing known": "hello",
  };
  return tokens;
}

/** An ES256 token whose signature has the form that X.509 wants, not JWT. */
function derSigned() {
  const text = unsigned(sign(ecKey, claims(theirs.slug)));
  return `${text}.${signature("DER", ec.privateKey, text)}`;
}

/** @param {string} token */
const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
/** @param {string} token */
const me = (token) => send(`${server.url}/api/v1/auth/me`, bearer(token));
/** @param {string} token */
const exchange = (token) => send(`${server.url}/api/v1/auth/exchange`, { method: "POST", body: { token } });

describe("tokens", () => {
  it("those that are in order are taken, of each algorithm, wherever a token goes", async () => {
    const proper = [ofUs(), sign(edKey, claims(ours.slug)), sign(ecKey, claims(theirs.slug)), sign(hsKey, claims(ours.publicKey))];
    for (const token of [...proper, ofUs({}, { typ: undefined }), ofUs({ aud: ["parlour", "else"] })]) {
      const answer = await me(token);
      assert.equal(answer.status, 200, answer.text);
      assert.equal((await exchange(token)).status, 200);
      const { status, wire } = await handshake(server, { query: `token=${token}&vsn=2.0.0` });
      assert.equal(status, 101);
      wire?.drop();
    }
    // Where one key is live, nobody has to name it.
    assert.equal((await me(sign(sameKid, claims(third.slug), { kid: undefined }))).status, 200);
  });

  it("each flaw is refused with one body, in no time, and nobody is asked", async () => {
    const tokens = Object.entries(corpus());
    assert.ok(tokens.length >= 30);
    const first = comparable(await me("nothing"));
    assert.equal(first.text, REFUSED);
    /** @type {number[]} */
    const times = [];
    for (const [flaw, token] of tokens) {
      const answer = await me(token);
      assert.deepEqual(comparable(answer), first, flaw);
      times.push(answer.ms);
    }
    assert.ok(median(times) < 50, `the median is ${median(times)} ms`);
    assert.equal(calls, 0);
  });

  it("each flaw is refused where tokens are exchanged", async () => {
    const first = comparable(await exchange("nothing"));
    assert.deepEqual([first.status, first.text], [401, REFUSED]);
    for (const [flaw, token] of Object.entries(corpus())) {
      assert.deepEqual(comparable(await exchange(token)), first, flaw);
    }
    assert.equal(calls, 0);
  });

  it("each flaw is refused where sockets are opened", async () => {
    for (const [flaw, token] of Object.entries(corpus())) {
      const query = `token=${encodeURIComponent(token)}&vsn=2.0.0`;
      const answer = await handshake(server, { query });
      assert.deepEqual([answer.status, answer.body], [403, ""], flaw);
      const polled = await handshake(server, { path: "/chat/socket/longpoll", query, upgrade: false });
      assert.deepEqual([polled.status, JSON.parse(polled.body)], [200, { status: 403 }], flaw);
    }
    assert.equal(calls, 0);
  });

  it("our own sessions cannot be altered, exchanged, or signed by a site", async () => {
    const { token } = await ours.user("ann");
    assert.equal((await me(token)).status, 200);
    assert.equal((await exchange(token)).text, REFUSED);
    const [header = "", payload = ""] = token.split(".");
    const said = JSON.parse(Buffer.from(payload, "base64url").toString());
    const text = `${header}.${segment({ ...said, exp: said.exp + 3600 })}`;
    for (const forged of [
      `${text}.${token.split(".")[2]}`,
      `${text}.${createHmac("sha256", String(hsKey.material)).update(text).digest("base64url")}`,
      sign(hsKey, said, { typ: "parlour+jwt" }),
      sign(hsKey, said),
    ]) {
      assert.equal((await me(forged)).text, REFUSED);
    }
  });

  it("a token that was signed out stays so, however its signature is written", async () => {
    // (r, s) and (r, n - s) sign the same.
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const token = sign(ecKey, claims(theirs.slug));
    const r = Buffer.from(String(token.split(".")[2]), "base64url").subarray(0, 32);
    const s = BigInt(`0x${Buffer.from(String(token.split(".")[2]), "base64url").subarray(32).toString("hex")}`);
    const other = Buffer.from((n - s).toString(16).padStart(64, "0"), "hex");
    const twin = `${unsigned(token)}.${Buffer.concat([r, other]).toString("base64url")}`;
    assert.equal((await server.rest({ token }).request("DELETE", "/auth/logout")).status, 200);
    assert.equal((await me(token)).status, 401);
    assert.equal((await me(twin)).status, 401);
    assert.equal((await exchange(twin)).status, 401);
  });

  it("a flawed token leaves nothing behind", async () => {
    const sub = `ghost-${randomBytes(8).toString("hex")}`;
    for (const others of [{ aud: "else" }, { exp: now() - 600, iat: now() - 700 }, { rooms: [{ room: "general", role: "emperor" }] }]) {
      assert.equal((await me(ofUs({ sub, ...others }))).status, 401);
    }
    const users = await server.operator.ok("GET", `/admin/tenants/${ours.slug}/users?limit=100`);
    assert.ok(!JSON.stringify(users).includes(sub));
  });
});
