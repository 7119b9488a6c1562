import { ChatError, Emitter, type Attachment, type UploadOptions } from "parlour-client";

/** Most files in one message. */
export const FILES_MAX = 4;

/** A file on its way into a message. Objects never change: a change makes a new one. */
export interface PendingFile {
  readonly key: number;
  readonly file: File;
  /** How much of it has been sent, from 0 to 1. */
  readonly sent: number;
  /** What it has become, when it has arrived. */
  readonly attachment: Attachment | null;
  readonly failure: ChatError | null;
}

/** Sends one file to the server. */
export type Upload = (file: File, options: UploadOptions) => Promise<Attachment>;

/** The files that are to go with the next message. They are sent to the server at once, while the text is written. */
export class Uploads extends Emitter<{ change: void }> {
  readonly #upload: Upload;
  readonly #bytesMax: number;
  readonly #running = new Map<number, AbortController>();
  #files: readonly PendingFile[] = [];
  #last = 0;

  /** @param bytesMax - of one file */
  constructor(upload: Upload, bytesMax: number) {
    super();
    this.#upload = upload;
    this.#bytesMax = bytesMax;
  }

  get files(): readonly PendingFile[] {
    return this.#files;
  }

  /** Those that have arrived, in the order they were chosen. */
  get attachments(): readonly Attachment[] {
    return this.#files.map(({ attachment }) => attachment).filter((attachment) => attachment !== null);
  }

  /** Whether one is on its way. */
  get underWay(): boolean {
    return this.#files.some(({ attachment, failure }) => attachment === null && failure === null);
  }

  /** Whether one could not be sent, and has to be tried again or removed. */
  get failed(): boolean {
    return this.#files.some(({ failure }) => failure !== null);
  }

  /** Takes files, as many as a message can have. Returns those that it does not take. */
  add(chosen: readonly File[]): readonly File[] {
    const taken = chosen.slice(0, FILES_MAX - this.#files.length);
    for (const file of taken) {
      const key = (this.#last += 1);
      const refusal = file.size === 0 ? "empty" : file.size > this.#bytesMax ? "body_too_large" : null;
      const failure = refusal === null ? null : new ChatError(refusal);
      this.#files = [...this.#files, { key, file, sent: 0, attachment: null, failure }];
      if (!failure) void this.#send(key, file);
    }
    this.emit("change", undefined);
    return chosen.slice(taken.length);
  }

  /** Takes one back, wherever it is. */
  remove(key: number): void {
    this.#running.get(key)?.abort();
    this.#files = this.#files.filter((pending) => pending.key !== key);
    this.emit("change", undefined);
  }

  retry(key: number): void {
    const pending = this.#files.find((each) => each.key === key);
    if (!pending?.failure) return;
    this.#change(key, { failure: null, sent: 0 });
    void this.#send(key, pending.file);
  }

  /** Ends all that is under way, and begins anew. */
  clear(): void {
    for (const controller of this.#running.values()) controller.abort();
    this.#files = [];
    this.emit("change", undefined);
  }

  async #send(key: number, file: File): Promise<void> {
    const controller = new AbortController();
    this.#running.set(key, controller);
    const onProgress = (sent: number): void => this.#change(key, { sent });
    try {
      this.#change(key, { attachment: await this.#upload(file, { signal: controller.signal, onProgress }) });
    } catch (error) {
      this.#change(key, { failure: error instanceof ChatError ? error : new ChatError("unavailable") });
    }
    this.#running.delete(key);
  }

  /** What was taken back meanwhile does not change any more. */
  #change(key: number, change: Partial<PendingFile>): void {
    this.#files = this.#files.map((pending) => (pending.key === key ? { ...pending, ...change } : pending));
    this.emit("change", undefined);
  }
}
