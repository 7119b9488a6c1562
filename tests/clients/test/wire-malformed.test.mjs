// @ts-check
// Broken input closes the socket it came on, with the right code, and nobody else notices.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startServer } from "../support/server.mjs";
import { OPCODE, openWire } from "../support/wire.mjs";

const server = await startServer();
const impatient = await startServer({ "socket.idle_timeout": "1s" });
after(() => Promise.all([server.stop(), impatient.stop()]));
const [ann, bob, impatientAnn] = await Promise.all([server.user("ann"), server.user("bob"), impatient.user("ann")]);

/** @typedef {import("../support/wire.mjs").Wire} Wire */

/**
 * Sends something bad from inside a room while somebody else is in it; the code of the close that follows, 0 if none
 * does within a second.
 *
 * @param {import("node:test").TestContext} t
 * @param {(wire: Wire, topic: string) => void} misbehave
 * @param {string} [vsn]
 */
async function closeCodeAfter(t, misbehave, vsn = "2.0.0") {
  const room = await ann.rest.room();
  const topic = `room:${room.id}`;
  const watcher = await openWire(t, bob);
  await watcher.join(topic);
  const wire = await openWire(t, ann, { vsn });
  if (vsn === "2.0.0") {
    wire.json(["1", "1", topic, "phx_join", {}]);
  } else {
    wire.json({ topic, event: "phx_join", payload: {}, ref: "1" });
  }
  const isDiff = (/** @type {any[]} */ message) => message[3] === "presence_diff";
  await watcher.next((message) => isDiff(message) && ann.id in message[4].joins, "the join of the one to misbehave");
  misbehave(wire, topic);
  const code = await Promise.race([wire.closed, pause(1000, 0)]);
  if (code !== 0) {
    await watcher.next((message) => isDiff(message) && ann.id in message[4].leaves, "the leave of that one");
  }
  await watcher.ping();
  assert.equal(watcher.messages.seen(([, , , event]) => event === "new_message").length, 0);
  assert.equal(watcher.messages.seen(([, , , event]) => event === "phx_error").length, 0);
  return code;
}

describe("undecodable text closes with 1011", { concurrency: 4 }, () => {
  /** @type {[string, string][]} */
  const table = [
    ["no JSON", "hello"],
    ["nothing", ""],
    ["blanks", "  \n "],
    ["cut short", '["1","2","room:7","new_message",{"content":"x"}'],
    ["a comma too many", '["1","2","room:7","new_message",{},]'],
    ["NaN", '["1","2","room:7","new_message",{"content":NaN}]'],
    ["a raw control character", '["1","2","room:7","new_message",{"content":"\u0001"}]'],
    ["two values", '["1","2","room:7","typing",{}] ["1","3","room:7","typing",{}]'],
    ["an object", '{"topic":"room:7","event":"typing","payload":{},"ref":"1"}'],
    ["a string", '"hello"'],
    ["null", "null"],
    ["four elements", '["1","2","room:7","typing"]'],
    ["an empty array", "[]"],
  ];
  for (const [what, text] of table) {
    it(what, async (t) => {
      assert.equal(await closeCodeAfter(t, (wire) => wire.text(text)), 1011);
    });
  }
  for (const missing of ["topic", "event", "payload", "ref"]) {
    it(`version 1 without ${missing}`, async (t) => {
      const misbehave = (/** @type {Wire} */ wire, /** @type {string} */ topic) => {
        /** @type {Record<string, unknown>} */
        const message = { topic, event: "typing", payload: {}, ref: "2" };
        delete message[missing];
        wire.json(message);
      };
      const code = await closeCodeAfter(t, misbehave, "1.0.0");
      // A server may take an absent ref as null.
      assert.ok(code === 1011 || (missing === "ref" && code === 0), String(code));
    });
  }
  it("version 1 with an array", async (t) => {
    assert.equal(await closeCodeAfter(t, (wire) => wire.text('["1","2","x","y",{}]'), "1.0.0"), 1011);
  });
});

describe("undecodable binary frames close with 1011", { concurrency: 4 }, () => {
  /** @type {[string, string][]} */
  const table = [
    ["nothing", ""],
    ["another kind", "01 02 01 06 02 3131 32 726f6f6d3a6a 6f6b 01020304"],
    ["an unknown kind", "09 00 01 07 09 31 70686f656e6978 686561727462656174"],
    ["a header cut short", "00 02 01"],
    ["sizes beyond the end", "00 02 01 06 ff 3131 32 726f6f6d3a6a 62696e"],
    ["a topic that is no text", "00 00 01 02 03 31 c328 62696e"],
  ];
  for (const [what, bytes] of table) {
    it(what, async (t) => {
      assert.equal(await closeCodeAfter(t, (wire) => wire.binary(bytes)), 1011);
    });
  }
});

describe("text that is not UTF-8 closes with 1007", { concurrency: true }, () => {
  it("in one frame", async (t) => {
    const bytes = Buffer.from([0x5b, 0x22, 0xc3, 0x28, 0x22, 0x5d]);
    assert.equal(await closeCodeAfter(t, (wire) => wire.frame(OPCODE.text, bytes)), 1007);
  });

  it("in fragments", async (t) => {
    const misbehave = (/** @type {Wire} */ wire) => {
      wire.frame(OPCODE.text, Buffer.from([0x5b, 0x22, 0xc3]), { fin: false });
      wire.frame(OPCODE.continuation, Buffer.from([0x28, 0x22, 0x5d]));
    };
    assert.equal(await closeCodeAfter(t, misbehave), 1007);
  });
});

describe("what is too big closes with 1009", { concurrency: true }, () => {
  const limit = 65_536;

  it("a frame one byte over the limit", async (t) => {
    assert.equal(await closeCodeAfter(t, (wire) => wire.text(`"${"x".repeat(limit - 1)}"`)), 1009);
  });

  it("a frame that claims to be huge, before its bytes are there", async (t) => {
    for (const length of [BigInt(limit) + 1n, 2n ** 40n, 2n ** 62n]) {
      assert.equal(await closeCodeAfter(t, (wire) => wire.frame(OPCODE.text, "x", { length })), 1009);
    }
  });

  it("fragments that come to more than a message may be", async (t) => {
    const misbehave = (/** @type {Wire} */ wire) => {
      wire.frame(OPCODE.text, "x".repeat(limit - 10), { fin: false });
      wire.frame(OPCODE.continuation, "x".repeat(11));
    };
    assert.equal(await closeCodeAfter(t, misbehave), 1009);
  });

  it("not what just fits", async (t) => {
    const wire = await openWire(t, ann);
    const frame = JSON.stringify([null, "1", "phoenix", "heartbeat", { padding: "" }]);
    wire.text(frame.replace('""', `"${"x".repeat(limit - Buffer.byteLength(frame))}"`));
    assert.equal((await wire.next())[1], "1");
  });
});

describe("broken framing closes with 1002", { concurrency: true }, () => {
  const heartbeat = JSON.stringify([null, "1", "phoenix", "heartbeat", {}]);
  /** @type {[string, (wire: Wire) => void][]} */
  const table = [
    ["a frame without a mask", (wire) => wire.frame(OPCODE.text, heartbeat, { masked: false })],
    ["a reserved bit", (wire) => wire.frame(OPCODE.text, heartbeat, { reserved: 4 })],
    ["a reserved opcode", (wire) => wire.frame(3, heartbeat)],
    ["a reserved control opcode", (wire) => wire.frame(11, "")],
    ["a continuation of nothing", (wire) => wire.frame(OPCODE.continuation, heartbeat)],
    [
      "a new message amid fragments",
      (wire) => {
        wire.frame(OPCODE.text, "[", { fin: false });
        wire.frame(OPCODE.text, heartbeat);
      },
    ],
    ["a ping of more than 125 bytes", (wire) => wire.frame(OPCODE.ping, "x".repeat(126))],
    ["a ping in fragments", (wire) => wire.frame(OPCODE.ping, "x", { fin: false })],
    ["a close frame of one byte", (wire) => wire.frame(OPCODE.close, Buffer.from([3]))],
    ["a close code that is not legal", (wire) => wire.frame(OPCODE.close, Buffer.from([0x03, 0xed]))],
    ["a close code below 1000", (wire) => wire.frame(OPCODE.close, Buffer.from([0x03, 0xe7]))],
  ];
  for (const [what, misbehave] of table) {
    it(what, async (t) => {
      assert.equal(await closeCodeAfter(t, misbehave), 1002);
    });
  }
});

describe("what is odd but not broken is answered or closed, and the server lives", { concurrency: 4 }, () => {
  /** @type {[string, (topic: string) => string][]} */
  const table = [
    ["a topic that is a number", () => '["1","2",7,"new_message",{}]'],
    ["an event that is an object", (topic) => `["1","2","${topic}",{"a":1},{}]`],
    ["a ref that is an object", (topic) => `["1",{"a":1},"${topic}","no_such_event",{}]`],
    ["a join_ref that is an array", (topic) => `[[1],"2","${topic}","no_such_event",{}]`],
    ["an endless topic", () => `["1","2","room:${"x".repeat(60_000)}","phx_join",{}]`],
    ["an endless event", (topic) => `["1","2","${topic}","${"x".repeat(60_000)}",{}]`],
    ["NUL in a topic", () => '["1","2","room:\\u0000","phx_join",{}]'],
    ["NUL in a slug that exists", () => '["1","2","room:general\\u0000","phx_join",{}]'],
    ["deep nesting", (topic) => `["1","2","${topic}","new_message",${"[".repeat(30_000)}${"]".repeat(30_000)}]`],
    ["a number no computer holds", (topic) => `["1",1e999,"${topic}","no_such_event",{}]`],
    ["a long number as ref", (topic) => `["1",${"9".repeat(400)},"${topic}","no_such_event",{}]`],
    ["a payload that is null", (topic) => `["1","2","${topic}","new_message",null]`],
    ["a payload that is a list", (topic) => `["1","2","${topic}","new_message",["x"]]`],
    ["a lone surrogate", (topic) => `["1","2","${topic}","new_message",{"content":"\\ud800"}]`],
    ["a lone surrogate in the topic", () => '["1","2","room:\\udfff","phx_join",{}]'],
    ["a lone surrogate as ref", (topic) => `["1","\\ud800","${topic}","no_such_event",{}]`],
    ["the same key twice", (topic) => `["1","2","${topic}","new_message",{"content":" ","content":""}]`],
  ];
  for (const [what, text] of table) {
    it(what, async (t) => {
      let answered = false;
      const misbehave = (/** @type {Wire} */ wire, /** @type {string} */ topic) => {
        wire.messages.clear();
        wire.text(text(topic));
        const isAnswer = (/** @type {any[]} */ [, ref, , event]) => event === "phx_reply" && ref !== "1";
        wire.next(isAnswer).then(
          () => (answered = true),
          () => {},
        );
      };
      const code = await closeCodeAfter(t, misbehave);
      // A stale join_ref is the one thing that may be dropped without a word.
      const silent = what.startsWith("a join_ref");
      assert.ok(answered || silent || [1007, 1009, 1011].includes(Number(code)), `no answer, close code ${code}`);
    });
  }
});

describe("control frames", { concurrency: true }, () => {
  it("a ping is answered with its own payload, amid fragments too", async (t) => {
    const wire = await openWire(t, ann);
    wire.frame(OPCODE.ping, "here?");
    const pong = await wire.control.take(({ opcode }) => opcode === OPCODE.pong, "a pong");
    assert.equal(pong.payload.toString(), "here?");

    const heartbeat = JSON.stringify([null, "1", "phoenix", "heartbeat", { a: "ä👋" }]);
    const bytes = Buffer.from(heartbeat);
    const middle = bytes.indexOf("👋") + 2;
    wire.frame(OPCODE.text, bytes.subarray(0, 3), { fin: false });
    wire.frame(OPCODE.ping, "still there?");
    const between = await wire.control.take(({ opcode }) => opcode === OPCODE.pong, "a pong");
    assert.equal(between.payload.toString(), "still there?");
    wire.frame(OPCODE.continuation, bytes.subarray(3, middle), { fin: false });
    wire.frame(OPCODE.continuation, "", { fin: false });
    wire.frame(OPCODE.continuation, bytes.subarray(middle));
    assert.equal((await wire.next())[1], "1");
  });

  it("a pong nobody asked for is fine", async (t) => {
    const wire = await openWire(t, ann);
    wire.frame(OPCODE.pong, "x");
    await wire.ping();
  });

  it("frames may come byte by byte, and many in one go", async (t) => {
    const wire = await openWire(t, ann);
    const write = wire.socket.write.bind(wire.socket);
    /** @type {Buffer[]} */
    const written = [];
    wire.socket.write = (/** @type {any} */ bytes) => written.push(bytes) > 0;
    for (const ref of ["1", "2", "3"]) wire.json([null, ref, "phoenix", "heartbeat", {}]);
    const bytes = Buffer.concat(written);
    write(bytes);
    for (const ref of ["1", "2", "3"]) assert.equal((await wire.next())[1], ref);
    for (const byte of bytes) {
      write(Buffer.from([byte]));
      await pause(1);
    }
    for (const ref of ["1", "2", "3"]) assert.equal((await wire.next())[1], ref);
  });

  it("binary frames may come in fragments", async (t) => {
    const wire = await openWire(t, ann);
    const bytes = Buffer.from("00000107093170686f656e6978686561727462656174", "hex");
    wire.frame(OPCODE.binary, bytes.subarray(0, 7), { fin: false });
    wire.frame(OPCODE.continuation, bytes.subarray(7));
    assert.equal((await wire.next())[1], "1");
  });

  it("a close is answered with 1000, and the connection ends", async (t) => {
    for (const code of [1000, 1001, 3000, 4999]) {
      const wire = await openWire(t, ann);
      const payload = Buffer.alloc(2);
      payload.writeUInt16BE(code);
      wire.frame(OPCODE.close, payload);
      assert.equal(await wire.closeCode(), 1000, `after ${code}`);
      await Promise.race([wire.gone, pause(2000).then(() => assert.fail("the connection stays open"))]);
    }
    const wordless = await openWire(t, ann);
    wordless.frame(OPCODE.close, "");
    assert.ok([1000, 1005].includes(await wordless.closeCode()));
  });

  it("a close while a message is being stored loses no message", async (t) => {
    const room = await ann.rest.room();
    const topic = `room:${room.id}`;
    const wire = await openWire(t, ann);
    await wire.join(topic);
    wire.json(["1", "2", topic, "new_message", { content: "last words" }]);
    wire.frame(OPCODE.close, Buffer.from([0x03, 0xe8]));
    await wire.closed;
    const member = await openWire(t, bob);
    await member.join(topic);
    const deadline = Date.now() + 3000;
    while ((await ann.rest.messages(room.id)).length === 0 && Date.now() < deadline) await pause(20);
    assert.equal((await ann.rest.messages(room.id)).length, 1);
  });
});

describe("idle sockets", { concurrency: true }, () => {
  it("are closed with 1002 although the server has sent", async (t) => {
    const wire = await openWire(t, impatientAnn);
    const { data: room } = await impatientAnn.rest.ok("POST", "/rooms", { name: "Lively" });
    await wire.join(`room:${room.id}`);
    const begun = Date.now();
    let over = false;
    void wire.closed.then(() => (over = true));
    while (!over && Date.now() - begun < 4000) {
      await impatientAnn.rest.send(room.id, "still talking");
      await pause(150);
    }
    assert.equal(await wire.closeCode(), 1002);
    const lasted = Date.now() - begun;
    assert.ok(lasted > 800 && lasted < 2500, `closed after ${lasted} ms`);
  });

  for (const [what, opcode] of /** @type {[string, number][]} */ ([
    ["pings", OPCODE.ping],
    ["pongs", OPCODE.pong],
  ])) {
    it(`are not those that send ${what}`, async (t) => {
      const wire = await openWire(t, impatientAnn);
      for (let beat = 0; beat < 6; beat += 1) {
        wire.frame(opcode, "x");
        await pause(400);
      }
      await wire.ping();
    });
  }

  it("are not those that send fragments", async (t) => {
    const wire = await openWire(t, impatientAnn);
    const heartbeat = JSON.stringify([null, "1", "phoenix", "heartbeat", {}]);
    wire.frame(OPCODE.text, heartbeat.slice(0, 1), { fin: false });
    for (let at = 1; at < 7; at += 1) {
      await pause(400);
      wire.frame(OPCODE.continuation, heartbeat.slice(at, at + 1), { fin: false });
    }
    wire.frame(OPCODE.continuation, heartbeat.slice(7));
    assert.equal((await wire.next())[1], "1");
  });
});
