import { broken, good, said, together, warning, type Finding } from "./finding.ts";
import type { JsonObject } from "./jwt.ts";

/** Longest life of a website's token, in seconds. */
const LIFETIME_MAX_S = 3600;

/** How far a website's clock may be ahead, in seconds. */
const AHEAD_MAX_S = 60;

/** For how long a token is good beyond its end, as clocks differ; in seconds. */
const LEEWAY_S = 5;

/** A number greater than this is no time in seconds, but one in milliseconds. */
const MILLISECONDS_FROM = 100_000_000_000;

/** Judges when a token was signed and when it ends, by the server's `now` in seconds since 1970. */
export function judgeTimes(claims: JsonObject, now: number): Finding {
  const { iat, exp, nbf } = claims;
  const malformed = [wrongTime("iat", iat, true), wrongTime("exp", exp, true), wrongTime("nbf", nbf, false)].filter(
    (finding) => finding !== undefined,
  );
  if (malformed.length > 0 || typeof iat !== "number" || typeof exp !== "number") return together(malformed);
  if (exp <= iat) return broken(said("doctor.tokenLifeNone"), { say: said("doctor.tokenLifeFix") });
  const findings: Finding[] = [...lifetime(exp - iat), ...clock(iat, exp, now)];
  if (typeof nbf === "number" && nbf > now + LEEWAY_S) {
    findings.push(broken(said("doctor.tokenNbf", { time: { seconds: nbf - now } }), { say: said("doctor.tokenNbfFix") }));
  }
  return findings.length > 0 ? together(findings) : good(said("doctor.tokenTimesGood", { time: { seconds: exp - now } }));
}

function wrongTime(claim: string, value: unknown, required: boolean): Finding | undefined {
  if (value === undefined || value === null) {
    return required ? broken(said("doctor.tokenTimeMissing", { claim }), { say: said("doctor.tokenTimeFix") }) : undefined;
  }
  const fix = { say: said("doctor.tokenTimeFix") };
  if (typeof value !== "number") return broken(said("doctor.tokenTimeText", { claim }), fix);
  if (value > MILLISECONDS_FROM) return broken(said("doctor.tokenTimeMilliseconds", { claim }), fix);
  if (!Number.isInteger(value)) return broken(said("doctor.tokenTimeFraction", { claim }), fix);
  return undefined;
}

function lifetime(seconds: number): Finding[] {
  if (seconds <= LIFETIME_MAX_S) return [];
  return [broken(said("doctor.tokenLife", { time: { seconds }, max: { seconds: LIFETIME_MAX_S } }), { say: said("doctor.tokenLifeFix") })];
}

function clock(iat: number, exp: number, now: number): Finding[] {
  if (iat > now + LEEWAY_S) {
    const tell = iat > now + AHEAD_MAX_S ? broken : warning;
    return [tell(said("doctor.tokenAhead", { time: { seconds: iat - now } }), { say: said("doctor.tokenAheadFix") })];
  }
  if (exp <= now - LEEWAY_S) {
    const signed = { seconds: now - iat };
    return [broken(said("doctor.tokenExpired", { time: { seconds: now - exp }, signed }), { say: said("doctor.tokenExpiredFix", { signed }) })];
  }
  return [];
}
