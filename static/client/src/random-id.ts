/** 128 random bits as text. Not `crypto.randomUUID`, which pages lack that are not served safely. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
