// The rules of docs/embedding.md for the tokens that websites sign, one after the other.
import { broken, good, said, skipped, together, warning, type Finding, type Fix, type Said } from "./finding.ts";
import { isObject, readToken, type JsonObject, type Token, type Unreadable } from "./jwt.ts";
import { judgeTimes } from "./token-times.ts";

/** Longest token that is taken, in bytes. */
const TOKEN_BYTES_MAX = 4096;

/** Bytes of a signature by the algorithms that there are. */
const SIGNATURE_BYTES: Readonly<Record<string, number>> = { HS256: 32, EdDSA: 64, ES256: 64 };

/** What points to a key or brings one along, and extensions: refused wherever it stands in a header. */
const HEADERS_REFUSED = ["crit", "jku", "jwk", "x5c", "x5u"];

const HEADER_FIX: Fix = {
  say: said("doctor.tokenHeaderFix"),
  snippets: [{ label: "JSON", text: '{"alg": "HS256", "typ": "JWT", "kid": "…"}' }],
};

const ROLES = ["owner", "admin", "moderator", "member", "reader"];

/** A signing key as `GET /admin/tenants/{slug}/keys` lists it. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly revokedAt: string | null;
}

/** What a token is judged by. */
export interface Known {
  /** Names of the tenant, its slug first; none while it is not known. */
  readonly tenant: { readonly slug: string; readonly publicKey: string; readonly name: string } | undefined;
  /** Seconds since 1970 by the server's clock. */
  readonly now: number;
  /** All keys of the tenant; missing when nobody told. */
  readonly keys: readonly SigningKey[] | undefined;
}

/** The checks of a token, each with what was found. */
export interface TokenFindings {
  readonly tokenShape: Finding;
  readonly tokenHeader: Finding;
  readonly tokenKey: Finding;
  readonly tokenIss: Finding;
  readonly tokenAud: Finding;
  readonly tokenSub: Finding;
  readonly tokenTimes: Finding;
  readonly tokenProfile: Finding;
  readonly tokenRooms: Finding;
}

/** Judges a token by all the rules. */
export function judgeToken(text: string, known: Known): TokenFindings {
  const token = readToken(text);
  if (typeof token === "string") return unread(unreadable(token));
  if (token.isSession) return unread(good(said("doctor.tokenSession")));
  return {
    tokenShape: shape(token),
    tokenHeader: header(token),
    tokenKey: key(token, known),
    tokenIss: issuer(token.claims, known.tenant),
    tokenAud: audience(token.claims["aud"]),
    tokenSub: subject(token.claims["sub"]),
    tokenTimes: judgeTimes(token.claims, known.now),
    tokenProfile: profile(token.claims),
    tokenRooms: rooms(token.claims["rooms"]),
  };
}

function unread(tokenShape: Finding): TokenFindings {
  const finding = skipped();
  return {
    tokenShape,
    tokenHeader: finding,
    tokenKey: finding,
    tokenIss: finding,
    tokenAud: finding,
    tokenSub: finding,
    tokenTimes: finding,
    tokenProfile: finding,
    tokenRooms: finding,
  };
}

function unreadable(why: Unreadable): Finding {
  switch (why) {
    case "key":
      return broken(said("doctor.tokenIsKey"), { say: said("doctor.tokenIsKeyFix") });
    case "parts":
      return broken(said("doctor.tokenParts"), { say: said("doctor.tokenMakeFix") });
    case "base64":
      return broken(said("doctor.tokenBase64"), { say: said("doctor.tokenMakeFix") });
    case "json":
      return broken(said("doctor.tokenJson"), { say: said("doctor.tokenMakeFix") });
    case "twice":
      return broken(said("doctor.tokenTwice"), { say: said("doctor.tokenMakeFix") });
  }
}

function shape({ bytes }: Token): Finding {
  if (bytes > TOKEN_BYTES_MAX) {
    return broken(said("doctor.tokenLong", { bytes, max: TOKEN_BYTES_MAX }), { say: said("doctor.tokenLongFix") });
  }
  return good(said("doctor.tokenShapeGood", { bytes }));
}

function header({ header, signatureBytes }: Token): Finding {
  const findings: Finding[] = [];
  const { alg, typ } = header;
  const expected = typeof alg === "string" ? SIGNATURE_BYTES[alg] : undefined;
  if (expected === undefined) {
    findings.push(broken(said("doctor.tokenAlg", { value: shown(alg) }), HEADER_FIX));
  } else if (signatureBytes !== expected) {
    findings.push(wrongSignature(String(alg), signatureBytes, expected));
  }
  if (typ !== undefined && typ !== "JWT") {
    findings.push(broken(said("doctor.tokenTyp", { value: shown(typ) }), HEADER_FIX));
  }
  const refused = HEADERS_REFUSED.filter((name) => Object.hasOwn(header, name));
  if (refused.length > 0) {
    findings.push(broken(said("doctor.tokenHeaderExtra", { names: refused.join(", ") }), HEADER_FIX));
  }
  if (header["kid"] !== undefined && typeof header["kid"] !== "string") {
    findings.push(broken(said("doctor.tokenKidText"), HEADER_FIX));
  }
  return findings.length > 0 ? together(findings) : good(said("doctor.tokenHeaderGood", { alg: shown(alg) }));
}

/** The header promises another signature than there is. */
function wrongSignature(alg: string, bytes: number, expected: number): Finding {
  const seen = said("doctor.tokenSignature", { alg, bytes, expected });
  // ECDSA in the form that certificates have: a sequence of two numbers, some bytes longer.
  const isDer = alg === "ES256" && bytes >= 68 && bytes <= 72;
  return broken(seen, { say: said(isDer ? "doctor.tokenSignatureDer" : "doctor.tokenSignatureFix", { alg }) });
}

function key({ header }: Token, { keys, tenant }: Known): Finding {
  const { alg, kid } = header;
  if (kid !== undefined && typeof kid !== "string") return skipped(said("doctor.notTried"));
  if (keys !== undefined) return keyAmong(keys, kid, alg, tenant);
  return kid === undefined
    ? warning(said("doctor.tokenKidNone"), { say: said("doctor.tokenKidNoneFix") })
    : good(said("doctor.tokenKidUnknown", { kid: shown(kid) }));
}

/** Judges the key that a header names, or does not, where it is known which there are. */
function keyAmong(keys: readonly SigningKey[], kid: string | undefined, alg: unknown, tenant: Known["tenant"]): Finding {
  const live = keys.filter((key) => key.revokedAt === null);
  if (live.length === 0) {
    const snippets = [{ label: "sh", text: `parlour key create ${tenant?.slug ?? "…"}` }];
    return broken(said("doctor.tokenKeysNone"), { say: said("doctor.tokenKeysNoneFix"), snippets });
  }
  const list = live.map((key) => `${key.kid} (${key.algorithm})`).join(", ");
  const fix = { say: said("doctor.tokenKidNeededFix", { keys: list }) };
  if (kid === undefined && live.length > 1) return broken(said("doctor.tokenKidNeeded", { keys: list }), fix);
  const found = kid === undefined ? live[0] : keys.find((key) => key.kid === kid);
  if (!found) return broken(said("doctor.tokenKidWrong", { kid: shown(kid) }), fix);
  if (found.revokedAt !== null) return broken(said("doctor.tokenKidRevoked", { kid: found.kid }), fix);
  if (found.algorithm === alg) return good(said("doctor.tokenKeyGood", { kid: found.kid, alg: found.algorithm }));
  return broken(said("doctor.tokenAlgOther", { kid: found.kid, key: found.algorithm, alg: shown(alg) }), {
    say: said("doctor.tokenAlgOtherFix", { key: found.algorithm }),
  });
}

function issuer({ iss }: JsonObject, tenant: Known["tenant"]): Finding {
  if (typeof iss !== "string") {
    return broken(said("doctor.tokenIssMissing", { value: shown(iss) }), { say: said("doctor.tokenIssFix", names(tenant)) });
  }
  if (!tenant) return skipped(said("doctor.tokenIssUnknown", { iss: shown(iss) }));
  if (iss === tenant.slug || iss === tenant.publicKey) return good(said("doctor.tokenIssGood", { iss }));
  const key = iss === tenant.name ? "doctor.tokenIssName" : "doctor.tokenIssOther";
  return broken(said(key, { iss: shown(iss) }), { say: said("doctor.tokenIssFix", names(tenant)) });
}

function names(tenant: Known["tenant"]): { slug: string; key: string } {
  return { slug: tenant?.slug ?? "…", key: tenant?.publicKey ?? "pk_…" };
}

function audience(aud: unknown): Finding {
  const list = Array.isArray(aud) ? aud : [aud];
  if (list.includes("parlour")) return good(said("doctor.tokenAudGood"));
  const seen = aud === undefined ? said("doctor.tokenAudMissing") : said("doctor.tokenAudOther", { value: shown(aud) });
  return broken(seen, { say: said("doctor.tokenAudFix"), snippets: [{ label: "JSON", text: '"aud": "parlour"' }] });
}

function subject(sub: unknown): Finding {
  const fix = { say: said("doctor.tokenSubFix") };
  if (sub === undefined) return broken(said("doctor.tokenSubMissing"), fix);
  if (typeof sub !== "string") return broken(said("doctor.tokenSubText", { type: typeOf(sub) }), fix);
  const characters = [...sub].length;
  if (characters === 0 || characters > 255 || hasControls(sub)) return broken(said("doctor.tokenSubLength", { characters }), fix);
  if (sub.includes("@")) return warning(said("doctor.tokenSubAddress"), fix);
  return good(said("doctor.tokenSubGood", { characters }));
}

function profile(claims: JsonObject): Finding {
  const { name, avatar_url: picture, email_hash: hash, attrs } = claims;
  const faults: Said[] = [];
  if (isSaid(name) && !isName(name)) faults.push(said("doctor.tokenName"));
  if (isSaid(picture) && !isPicture(picture)) faults.push(said("doctor.tokenPicture"));
  if (isSaid(hash) && !(typeof hash === "string" && /^[0-9a-f]{1,128}$/i.test(hash))) faults.push(said("doctor.tokenHash"));
  if (isSaid(attrs) && !(isObject(attrs) && byteLength(JSON.stringify(attrs)) <= 4096)) faults.push(said("doctor.tokenAttrs"));
  if (faults.length > 0) return broken(faults, { say: said("doctor.tokenProfileFix") });
  return good(said(isSaid(name) ? "doctor.tokenProfileGood" : "doctor.tokenNameless"));
}

/** `null` says that there is none, which is in order. */
function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isName(name: unknown): boolean {
  if (typeof name !== "string" || [...name].length > 80 || hasControls(name)) return false;
  const turnsText = /[\u202a-\u202e\u2066-\u2069]/.test(name);
  return !turnsText && /[^\s\u200b-\u200f\u2060\ufeff]/.test(name);
}

function isPicture(picture: unknown): boolean {
  return (
    typeof picture === "string" &&
    picture.length <= 2048 &&
    /^https:\/\/[^/?#@]+(?:[/?#]|$)/.test(picture) &&
    /^[!-~]+$/.test(picture) &&
    !/["'<>\\^`{|}]/.test(picture)
  );
}

function rooms(claim: unknown): Finding {
  if (claim === undefined) return good(said("doctor.tokenRoomsNone"));
  const fix = { say: said("doctor.tokenRoomsFix"), snippets: [{ label: "JSON", text: '"rooms": [{"room": "general", "role": "member"}]' }] };
  if (!Array.isArray(claim)) return broken(said("doctor.tokenRoomsList"), fix);
  if (claim.length > 50) return broken(said("doctor.tokenRoomsMany", { count: claim.length }), fix);
  const wrong = claim.findIndex((grant: unknown) => !isGrant(grant));
  if (wrong !== -1) return broken(said("doctor.tokenRoomsEntry", { place: wrong + 1 }), fix);
  return good(said("doctor.tokenRoomsGood", { count: claim.length }));
}

function isGrant(grant: unknown): boolean {
  if (!isObject(grant)) return false;
  const { room, role, ...others } = grant;
  return typeof room === "string" && typeof role === "string" && ROLES.includes(role) && Object.keys(others).length === 0;
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}

/** A value of a token in a text, cut to what can be read. */
function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "–");
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
