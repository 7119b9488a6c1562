import { asCount, asText, or, record } from "./fields.js";

/** A file in a message, or ready to be sent with one. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  /** What the server found it to be. Whatever does not begin with `image/` is to be saved, never to be shown. */
  readonly mediaType: string;
  readonly bytes: number;
  /** Of a picture, in pixels; `null` for everything else. */
  readonly width: number | null;
  readonly height: number | null;
  /** Where it is, without a token. Good for a day or two; messages that are loaded again have another. */
  readonly url: string;
}

const UPLOADS = "/api/v1/uploads/";

const size = or(asCount, null);

export const parseAttachment = record({
  id: asText,
  name: asText,
  mediaType: asText,
  bytes: asCount,
  width: size,
  height: size,
  url: asText,
});

/** With its address in full. @param base - of the server, with a slash at its end */
export function located(attachment: Attachment, base: string): Attachment {
  const { url } = attachment;
  // Pages show what is there: nothing but an upload of this server may be.
  return { ...attachment, url: url.startsWith(UPLOADS) ? new URL(url.slice(1), base).href : "" };
}
