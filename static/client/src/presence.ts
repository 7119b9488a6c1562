import { asCount, asFields, asList, asText, oneOf } from "./fields.js";
import type { PresenceInfo, UserRef } from "./model.js";
import { parseUser } from "./wire.js";

const parseLevel = oneOf("exact", "batched", "sampled");

/**
 * Who is in a room: the state at the join, then who comes and goes.
 *
 * Keys come from outside, `__proto__` may be one, so nothing here is an object that is indexed by them.
 */
export class Presence {
  /** The devices of each user, as they were when they joined. */
  readonly #users = new Map<string, Map<string, UserRef>>();
  #level: PresenceInfo["level"] = "off";
  #count = 0;
  #info: PresenceInfo | null = null;

  /** The same object until something changes. */
  get info(): PresenceInfo {
    this.#info ??= {
      level: this.#level,
      count: this.#count,
      users: [...this.#users.values()].flatMap((devices) => [...devices.values()].slice(0, 1)),
    };
    return this.#info;
  }

  /** Takes how much is told, from the reply to a join or a diff; where that does not say, presence is off. */
  summary(payload: unknown): void {
    const fields = asFields(payload);
    this.#level = parseLevel(fields?.["level"]) ?? "off";
    this.#count = asCount(fields?.["count"]) ?? 0;
    if (this.#level === "off") this.#users.clear();
    this.#info = null;
  }

  /** Takes who is there. */
  state(payload: unknown): void {
    this.#users.clear();
    this.#join(payload);
    // It may have been turned on while the channel was open.
    if (this.#level === "off") this.#level = "exact";
    this.#count ||= this.#users.size;
    this.#info = null;
  }

  /** Takes who has come and gone. Returns the ids of those who are not there any more. */
  diff(payload: unknown): string[] {
    const fields = asFields(payload);
    this.#join(fields?.["joins"]);
    const gone: string[] = [];
    for (const [key, refs] of entries(fields?.["leaves"])) {
      const devices = this.#users.get(key);
      for (const [ref] of refs) devices?.delete(ref);
      if (devices?.size === 0) {
        this.#users.delete(key);
        gone.push(key);
      }
    }
    this.summary(payload);
    return gone;
  }

  #join(payload: unknown): void {
    for (const [key, metas] of entries(payload)) {
      if (metas.length > 0) this.#users.set(key, new Map([...(this.#users.get(key) ?? []), ...metas]));
    }
  }
}

/** The devices in a presence payload, by the keys of their users. */
function entries(payload: unknown): [key: string, metas: [ref: string, user: UserRef][]][] {
  return Object.entries(asFields(payload) ?? {}).map(([key, entry]) => [
    key,
    asList(asFields(entry)?.["metas"], parseMeta),
  ]);
}

function parseMeta(meta: unknown): [ref: string, user: UserRef] | undefined {
  const ref = asText(asFields(meta)?.["phx_ref"]);
  const user = parseUser(meta);
  return ref !== undefined && user ? [ref, user] : undefined;
}
