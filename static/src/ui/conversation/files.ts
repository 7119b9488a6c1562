/** What shows files in messages, and takes those to be sent: loaded where there are some, or some can be sent. */
export function loadFiles(): Promise<typeof import("./files-chunk.ts")> {
  return import("./files-chunk.ts");
}
