// @ts-check
// What a connect is answered, byte for byte.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { startServer } from "../support/server.mjs";
import { handshake } from "../support/wire.mjs";

const server = await startServer();
const plain = await startServer({ "socket.auth_subprotocol": "false" });
after(() => Promise.all([server.stop(), plain.stop()]));
const [ann, plainAnn] = await Promise.all([server.user("ann"), plain.user("ann")]);

/**
 * @param {string} query
 * @param {Parameters<typeof handshake>[1]} [how]
 */
async function open(query, how = {}) {
  const answer = await handshake(server, { query, ...how });
  answer.wire?.drop();
  return answer;
}

/** @param {string} query */
async function poll(query) {
  const response = await fetch(`${server.url}/chat/socket/longpoll?${query}`);
  assert.equal(response.status, 200);
  return /** @type {Promise<{status: number}>} */ (response.json());
}

describe("vsn", { concurrency: true }, () => {
  /** @type {[string, boolean][]} */
  const table = [
    ["", true],
    ["vsn=1.0.0", true],
    ["vsn=1.0.7", true],
    ["vsn=2.0.0", true],
    ["vsn=2.0.9", true],
    ["vsn=2.0.0%2Bbuild.5", true],
    ["vsn=2.0.1-rc.1", true],
    ["vsn=2.0.0-rc.1", false],
    ["vsn=1.1.0", false],
    ["vsn=2.1.0", false],
    ["vsn=3.0.0", false],
    ["vsn=0.9.0", false],
    ["vsn=2", false],
    ["vsn=2.0", false],
    ["vsn=abc", false],
    ["vsn=2.0.0.0", false],
    ["vsn=02.0.0", false],
    ["vsn=", false],
    ["vsn[]=2.0.0", false],
    ["vsn[a]=2.0.0", false],
    ["vsn=3.0.0&vsn=2.0.0", true],
    ["vsn=2.0.0&vsn=3.0.0", false],
  ];
  for (const [vsn, taken] of table) {
    it(`${vsn || "none"} is ${taken ? "taken" : "refused"}`, async () => {
      const query = `token=${ann.token}&${vsn}`;
      const answer = await open(query);
      assert.equal(answer.status, taken ? 101 : 403);
      assert.equal(answer.body, "");
      assert.equal((await poll(query)).status, taken ? 410 : 403);
    });
  }
});

describe("the query", { concurrency: true }, () => {
  /** @type {[string, string, number][]} */
  const table = [
    ["empty pairs", `&&token=${ann.token}&&vsn=2.0.0&`, 101],
    ["a repeated key: the last one wins", `token=bad&vsn=2.0.0&token=${ann.token}`, 101],
    ["a repeated key: the last one wins, bad or not", `token=${ann.token}&vsn=2.0.0&token=bad`, 403],
    ["unknown and nested parameters", `a[b]=c&d[0]=x&e=%F0%9F%91%8B&f=%zz&token=${ann.token}&vsn=2.0.0`, 101],
    ["a token that is no scalar", `token[]=${ann.token}&vsn=2.0.0`, 403],
    ["no token", "vsn=2.0.0", 403],
    ["a bad token", "token=bad&vsn=2.0.0", 403],
    ["nothing", "", 403],
  ];
  for (const [what, query, status] of table) {
    it(what, async () => {
      const answer = await open(query);
      assert.equal(answer.status, status);
      assert.equal(answer.body, "");
    });
  }
});

describe("addresses and methods", { concurrency: true }, () => {
  const query = `token=${ann.token}&vsn=2.0.0`;

  it("the bare mount, and other words under it, are nowhere", async () => {
    for (const path of ["/chat/socket", "/chat/socket/", "/chat/socket/other", "/chat/socket/websocket/more"]) {
      assert.equal((await open(query, { path })).status, 404, path);
    }
  });

  it("a slash behind the address is fine", async () => {
    assert.equal((await open(query, { path: "/chat/socket/websocket/" })).status, 101);
  });

  it("another method than GET is a bad request, whoever asks", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      for (const asked of [query, "token=bad"]) {
        const answer = await open(asked, { method, upgrade: false });
        assert.deepEqual([answer.status, answer.body], [400, ""], method);
      }
    }
  });

  it("the token is judged before the upgrade is", async () => {
    const bad = await open("token=bad&vsn=2.0.0", { upgrade: false });
    assert.deepEqual([bad.status, bad.body], [403, ""]);
    const good = await open(query, { upgrade: false });
    assert.equal(good.status, 400);
    assert.match(good.body, /upgrade/i);
  });

  it("no subprotocol and no extension is chosen unless offered and wanted", async () => {
    const answer = await open(query, { headers: { "sec-websocket-extensions": "permessage-deflate" } });
    assert.equal(answer.status, 101);
    assert.equal(answer.headers["sec-websocket-protocol"], undefined);
    assert.equal(answer.headers["sec-websocket-extensions"], undefined);
  });

  it("without a list of origins none is refused but that of pages without one", async () => {
    assert.equal((await open(query, { headers: { origin: "https://anything.example" } })).status, 101);
    assert.equal((await open(query, { headers: { origin: "null" } })).status, 403);
  });
});

describe("the token as a subprotocol", { concurrency: true }, () => {
  const prefix = "base64url.bearer.phx.";
  const standard = Buffer.from(ann.token).toString("base64");
  const unpadded = standard.replaceAll("=", "");
  const urlSafe = Buffer.from(ann.token).toString("base64url");
  /** @type {[string, string | undefined, number, string | undefined][]} */
  const table = [
    ["as clients send it", `phoenix, ${prefix}${unpadded}`, 101, "phoenix"],
    ["in the other order", `${prefix}${unpadded}, phoenix`, 101, "phoenix"],
    ["without blanks", `phoenix,${prefix}${unpadded}`, 101, "phoenix"],
    ["in the alphabet the prefix names", `phoenix, ${prefix}${urlSafe}`, 101, "phoenix"],
    ["with padding", `phoenix, ${prefix}${standard}`, 101, "phoenix"],
    ["alone", `${prefix}${unpadded}`, 101, undefined],
    ["beside something else", `chat, ${prefix}${unpadded}`, 403, undefined],
    ["not to be decoded", `phoenix, ${prefix}!!!`, 403, undefined],
    ["a bad one", `phoenix, ${prefix}${Buffer.from("bad").toString("base64url")}`, 403, undefined],
    ["absent", undefined, 403, undefined],
  ];
  for (const [what, offered, status, chosen] of table) {
    it(what, async () => {
      /** @type {Record<string, string>} */
      const headers = offered === undefined ? {} : { "sec-websocket-protocol": offered };
      const answer = await open("vsn=2.0.0", { headers });
      assert.equal(answer.status, status);
      assert.equal(answer.headers["sec-websocket-protocol"], chosen);
    });
  }

  it("in two header lines", async () => {
    const headers = { "sec-websocket-protocol": "phoenix", "Sec-WebSocket-Protocol": `${prefix}${unpadded}` };
    const answer = await open("vsn=2.0.0", { headers });
    assert.deepEqual([answer.status, answer.headers["sec-websocket-protocol"]], [101, "phoenix"]);
  });

  it("is not looked at where that is switched off", async () => {
    const headers = { "sec-websocket-protocol": `chat, ${prefix}!!!` };
    const answer = await handshake(plain, { query: `token=${plainAnn.token}&vsn=2.0.0`, headers });
    answer.wire?.drop();
    assert.equal(answer.status, 101);
    assert.equal(answer.headers["sec-websocket-protocol"], undefined);
    const token = Buffer.from(plainAnn.token).toString("base64url");
    const only = { "sec-websocket-protocol": `phoenix, ${prefix}${token}` };
    assert.equal((await handshake(plain, { query: "vsn=2.0.0", headers: only })).status, 403);
  });
});
