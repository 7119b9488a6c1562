import { expect, it } from "vitest";
import { located, parseAttachment } from "../src/attachment.js";
import { expected } from "../src/rest.js";
import { json } from "./examples.js";
import { parseMessage } from "../src/wire.js";

const PICTURE = {
  id: "u1",
  name: "sunset.jpg",
  media_type: "image/jpeg",
  bytes: 5,
  width: 4,
  height: 3,
  url: "/api/v1/uploads/u1?expires=1&signature=x",
};

it("attachments are taken whole or not at all, and none makes a message worthless", () => {
  const file = { ...PICTURE, media_type: "application/octet-stream", width: null, height: null };
  const wrong = [null, "x", { ...PICTURE, url: 5 }, { ...PICTURE, bytes: -1 }, { ...PICTURE, name: undefined }];
  const message = parseMessage(json(1, { attachments: [PICTURE, ...wrong, file] }));
  expect(message?.attachments).toEqual([
    expect.objectContaining({ id: "u1", mediaType: "image/jpeg", width: 4, height: 3 }),
    expect.objectContaining({ mediaType: "application/octet-stream", width: null, height: null }),
  ]);
  expect(parseMessage(json(1))?.attachments).toEqual([]);
});

it("their addresses are the server's, wherever it is mounted, and nobody else's", () => {
  const attachment = expected(parseAttachment(PICTURE));
  expect(located(attachment, "https://chat.example/").url).toBe("https://chat.example/api/v1/uploads/u1?expires=1&signature=x");
  expect(located(attachment, "https://site.example/chat/").url).toBe("https://site.example/chat/api/v1/uploads/u1?expires=1&signature=x");
  for (const url of ["javascript:alert(1)", "https://evil.example/x.png", "//evil.example/x.png", "/other", "data:text/html,x", ""]) {
    expect(located({ ...attachment, url }, "https://chat.example/").url).toBe("");
  }
});
