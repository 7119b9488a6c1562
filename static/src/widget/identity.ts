import type { GetToken } from "parlour-client";

/** What says who a user of the website is: a token its backend signed, or a function that fetches one. */
export type Identity = GetToken | string;

/**
 * The identity, if it can be one: what a page says of a user in its own words is none.
 *
 * @throws TypeError if it is anything else.
 */
export function asIdentity(value: unknown): Identity {
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "function") return value as GetToken;
  throw new TypeError("identify takes a token signed by your backend, or a function that fetches one");
}
