// @ts-check
// Files in messages: what they are is what the server found, who sends them is who made them, and nothing in them runs.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { comparable, send } from "./support/http.mjs";
import { target } from "./support/target.mjs";

const SCRIPT = "<html><script>alert(document.domain)</script></html>";
const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");

const server = await target();
after(() => server.close());
const uploads = { settings: { settings: { upload_bytes_max: 500_000 } } };
const [here, there] = await Promise.all([server.site(uploads), server.site(uploads)]);
const [ann, ben, mallory] = await Promise.all([here.user("ann"), here.user("ben"), there.user("mallory")]);
const room = await ann.rest.room({ name: "Files" });
await ben.rest.ok("POST", `/rooms/${room.id}/join`);

/** @param {string} kind @param {Buffer} content */
function chunk(kind, content) {
  const body = Buffer.concat([Buffer.from(kind), content]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(content.length);
  body.copy(framed, 4);
  framed.writeUInt32BE(checksum(body), body.length + 4);
  return framed;
}

/** The checksum of a PNG's chunk. @param {Buffer} bytes */
function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/**
 * A grey PNG; `told` is the width and height that it says it has.
 *
 * @param {number} size
 * @param {{told?: number, notes?: Buffer[]}} [how]
 */
function png(size, { told = size, notes = [] } = {}) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(told, 0);
  head.writeUInt32BE(told, 4);
  head[8] = 8;
  const pixels = deflateSync(Buffer.alloc((size + 1) * size));
  return Buffer.concat([SIGNATURE, chunk("IHDR", head), ...notes, chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

/**
 * @param {{token: string}} user
 * @param {Buffer | string} file
 * @param {{name?: string, to?: string, type?: string}} [how]
 */
async function upload({ token }, file, { name = "file", to = room.id, type = "image/png" } = {}) {
  const response = await fetch(`${server.url}/api/v1/rooms/${to}/uploads?name=${encodeURIComponent(name)}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": type },
    body: typeof file === "string" ? file : new Uint8Array(file),
  });
  const text = await response.text();
  return { status: response.status, text, data: JSON.parse(text).data };
}

/** @param {{rest: import("../../support/rest.mjs").Rest}} user @param {unknown} attachments */
const say = ({ rest }, attachments, to = room.id) =>
  rest.request("POST", `/rooms/${to}/messages`, { content: "", attachments });

describe("uploads", { concurrency: 4 }, () => {
  for (const [name, type, file] of /** @type {[string, string, Buffer | string][]} */ ([
    ["page.html", "text/html", SCRIPT],
    ["page.png", "image/png", SCRIPT],
    ["drawing.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">${SCRIPT}</svg>`],
    ["both.gif", "image/gif", `GIF89a/*${SCRIPT}*/=1`],
    ["before.png", "image/png", Buffer.concat([Buffer.from(SCRIPT), png(4)])],
    ["half.png", "image/png", png(4).subarray(0, 40)],
    ["bomb.png", "image/png", png(4, { told: 60_000 })],
    ["program.js", "text/javascript", "alert(1)"],
    ["document.pdf", "application/pdf", `%PDF-1.7 ${SCRIPT}`],
  ])) {
    it(`${name} is handed out to be saved`, async () => {
      const { status, data } = await upload(ann, file, { name, type });
      assert.equal(status, 201);
      assert.deepEqual([data.media_type, data.width, data.height], ["application/octet-stream", null, null]);
      const { headers } = await fetch(server.url + data.url);
      assert.equal(headers.get("content-type"), "application/octet-stream");
      assert.match(headers.get("content-disposition") ?? "", /^attachment;/);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'.*sandbox/);
    });
  }

  it("a picture is kept without what else is in its file", async () => {
    const notes = [chunk("tEXt", Buffer.from(`Comment\0${SCRIPT}`)), chunk("eXIf", Buffer.from(`MM\0*\0\0\0\b\0\0${SCRIPT}`))];
    const { data } = await upload(ann, Buffer.concat([png(4, { notes }), Buffer.from(SCRIPT)]), { type: "text/html" });
    assert.deepEqual([data.media_type, data.width, data.height], ["image/png", 4, 4]);
    const kept = Buffer.from(await (await fetch(server.url + data.url)).arrayBuffer());
    assert.deepEqual(kept, png(4));
  });

  it("a small file that would unpack to very much costs nothing, and stops nobody", async () => {
    const bomb = png(7000);
    assert.ok(bomb.length < 100_000);
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 8 }, () => upload(ann, bomb)));
    assert.ok(answers.every(({ status, data }) => status === 201 && data.media_type === "application/octet-stream"));
    assert.ok(performance.now() - started < 10_000);
    assert.equal((await fetch(`${server.url}/health/live`)).status, 200);
  });

  it("names leave their headers and folders nowhere", async () => {
    const { data } = await upload(ann, "x", { name: '../../a\r\nset-cookie: x=1"; filename=evil.html\u202e' });
    assert.equal(data.name, 'aset-cookie: x=1"; filename=evil.html');
    const { headers } = await fetch(server.url + data.url);
    assert.equal(headers.get("set-cookie"), null);
    assert.match(headers.get("content-disposition") ?? "", /^attachment; filename\*=UTF-8''[^;"\s]+$/);
  });

  it("what is somebody else's, another room's, another tenant's or sent already looks like nothing", async () => {
    const other = await ann.rest.room({ name: "Other" });
    const theirs = await mallory.rest.room({ name: "Theirs" });
    const [own, bens, elsewhere, foreign, sent] = await Promise.all([
      upload(ann, "own"),
      upload(ben, "ben's"),
      upload(ann, "elsewhere", { to: other.id }),
      upload(mallory, "foreign", { to: theirs.id }),
      upload(ann, "sent"),
    ]);
    assert.equal((await say(ann, [sent.data.id])).status, 201);
    const nothing = await say(ann, [randomUUID()]);
    assert.equal(nothing.status, 422);
    for (const { data } of [bens, elsewhere, foreign, sent]) {
      const refused = await say(ann, [own.data.id, data.id]);
      assert.deepEqual([refused.status, refused.text], [nothing.status, nothing.text]);
    }
    const stolen = await say(mallory, [own.data.id], theirs.id);
    assert.deepEqual([stolen.status, stolen.text], [nothing.status, nothing.text]);
    assert.equal((await say(ann, [own.data.id])).status, 201, "what was refused can still be sent");
  });

  it("who may not write may not upload", async () => {
    const den = await ann.rest.room({ name: "Den", kind: "private" });
    assert.equal((await upload(ben, "x", { to: den.id })).status, 403);
    assert.equal((await upload(mallory, "x", { to: den.id })).status, 404);
    assert.equal((await upload({ token: "nobody's" }, "x")).status, 401);
    assert.equal((await upload(ann, Buffer.alloc(500_001))).status, 413);
    const closed = await server.site();
    const owner = await closed.user("owner");
    assert.equal((await upload(owner, "x", { to: (await owner.rest.room()).id })).status, 403);
  });

  it("an address cannot be made, changed or used for anything else", async () => {
    const [one, other] = await Promise.all([upload(ann, "one"), upload(ann, "other")]);
    const [path, query = ""] = one.data.url.split("?");
    const expires = Number(new URLSearchParams(query).get("expires"));
    const signature = new URLSearchParams(query).get("signature");
    assert.ok(expires * 1000 - Date.now() <= 2 * 24 * 3600 * 1000, "it is good for two days at most");
    const nothing = await send(`${server.url}/api/v1/uploads/${randomUUID()}?${query}`);
    assert.equal(nothing.status, 404);
    for (const forged of [
      `${path}?${other.data.url.split("?")[1]}`,
      `${path}?expires=${expires + 86_400}&signature=${signature}`,
      `${path}?expires=${expires}&signature=${"A".repeat(43)}`,
      `${path}?expires=0&signature=${signature}`,
      `${path}?expires=${expires}&signature=${signature}%00`,
    ]) {
      const refused = await send(server.url + forged);
      assert.deepEqual(comparable(refused), comparable(nothing), forged);
      const signedIn = await send(server.url + forged, { headers: { authorization: `Bearer ${ann.token}` } });
      assert.equal(signedIn.status, 404);
    }
  });

  it("an address ends with its message", async () => {
    const { data } = await upload(ann, "secret");
    const sent = await ann.rest.ok("POST", `/rooms/${room.id}/messages`, { content: "look", attachments: [data.id] });
    assert.equal((await fetch(server.url + data.url)).status, 200);
    await ann.rest.ok("DELETE", `/rooms/${room.id}/messages/${sent.data.id}`);
    assert.equal((await fetch(server.url + data.url)).status, 404);
    const revisions = await ann.rest.ok("GET", `/rooms/${room.id}/messages/${sent.data.id}/revisions`);
    assert.ok(!JSON.stringify(revisions).includes(data.id));
  });
});
