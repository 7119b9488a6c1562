import { ChatError, type Attachment } from "parlour-client";
import { describe, expect, it, vi } from "vitest";
import { fileSize } from "../../../src/ui/conversation/file-size.ts";
import { FILES_MAX, Uploads, type Upload } from "../../../src/ui/conversation/uploads.ts";

/** A room whose uploads the test ends one by one. */
function heldRoom() {
  const held: { name: string; done: (attachment: Attachment) => void; failed: (error: ChatError) => void; signal: AbortSignal }[] = [];
  const upload: Upload = (file, { signal, onProgress }) => {
    onProgress?.(0.5);
    return new Promise((done, failed) => {
      signal?.addEventListener("abort", () => failed(new ChatError("aborted")));
      held.push({ name: file instanceof File ? file.name : "", done, failed, signal: signal ?? new AbortController().signal });
    });
  };
  const uploads = new Uploads(upload, 10);
  return { uploads, held };
}

function attachment(name: string): Attachment {
  return { id: name, name, mediaType: "application/octet-stream", bytes: 1, width: null, height: null, url: "" };
}

const file = (name: string, bytes = 1) => new File(["x".repeat(bytes)], name);

describe("files on their way", () => {
  it("arrive in the order in which they were chosen", async () => {
    const { uploads, held } = heldRoom();
    uploads.add([file("one"), file("two")]);
    expect(uploads.files.map(({ sent }) => sent)).toEqual([0.5, 0.5]);
    held[1]?.done(attachment("two"));
    await vi.waitFor(() => expect(uploads.attachments).toHaveLength(1));
    expect(uploads.underWay).toBe(true);
    held[0]?.done(attachment("one"));
    await vi.waitFor(() => expect(uploads.attachments.map(({ name }) => name)).toEqual(["one", "two"]));
    expect(uploads.underWay).toBe(false);
    expect(uploads.failed).toBe(false);
  });

  it("are as many as a message can have", () => {
    const { uploads } = heldRoom();
    const many = Array.from({ length: FILES_MAX + 2 }, (_, number) => file(String(number)));
    expect(uploads.add(many)).toEqual(many.slice(FILES_MAX));
    expect(uploads.add([file("more")])).toHaveLength(1);
    expect(uploads.files).toHaveLength(FILES_MAX);
  });

  it("are not sent when they are empty or too large", () => {
    const { uploads, held } = heldRoom();
    uploads.add([file("empty", 0), file("large", 11)]);
    expect(uploads.files.map(({ failure }) => failure?.code)).toEqual(["empty", "body_too_large"]);
    expect(held).toHaveLength(0);
    expect(uploads.underWay).toBe(false);
    expect(uploads.failed).toBe(true);
  });

  it("can be taken back, and tried again", async () => {
    const { uploads, held } = heldRoom();
    uploads.add([file("one"), file("two")]);
    const [one, two] = uploads.files;
    uploads.remove(one!.key);
    expect(held[0]?.signal.aborted).toBe(true);
    held[1]?.failed(new ChatError("offline"));
    await vi.waitFor(() => expect(uploads.files[0]?.failure?.code).toBe("offline"));
    uploads.retry(two!.key);
    held[2]?.done(attachment("two"));
    await vi.waitFor(() => expect(uploads.attachments).toEqual([attachment("two")]));
    uploads.clear();
    expect(uploads.files).toEqual([]);
  });

  it("are ended with the message that is not written", () => {
    const { uploads, held } = heldRoom();
    uploads.add([file("one")]);
    uploads.clear();
    expect(held[0]?.signal.aborted).toBe(true);
  });
});

it("sizes are told as people read them", () => {
  expect(fileSize("en", 1)).toBe("1 byte");
  expect(fileSize("en", 999)).toBe("999 bytes");
  expect(fileSize("en", 1400)).toBe("1.4 kB");
  expect(fileSize("en", 200_000)).toBe("200 kB");
  expect(fileSize("en", 10_485_760)).toBe("10 MB");
  expect(fileSize("de", 1_500_000)).toBe("1,5 MB");
});
