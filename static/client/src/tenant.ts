import { asCount, asText, flag, or, record, type Parser } from "./fields.js";
import type { TenantInfo } from "./model.js";
import type { Parlour } from "./parlour.js";
import { read } from "./rest.js";

export const parseTenant: Parser<TenantInfo> = record({
  slug: asText,
  name: asText,
  publicKey: asText,
  registration: flag(false),
  guests: flag(false),
  pageRooms: flag(false),
  features: record({
    reactions: flag(true),
    threads: flag(true),
    directMessages: flag(true),
    typing: flag(true),
    readMarks: flag(true),
  }),
  messageCharsMax: or(asCount, 2000),
  uploadBytesMax: or(asCount, 0),
  presence: flag(true),
});

/**
 * What anybody may know of the tenant, signed in or not.
 *
 * @throws {ChatError} `tenant_not_found`, `tenant_suspended`, `origin_not_allowed`
 */
export function tenantInfo(chat: Parlour): Promise<TenantInfo> {
  return read(chat.rest.askAs(null, "GET", "/tenant"), parseTenant);
}
