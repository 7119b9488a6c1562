import { describe, expect, it } from "vitest";
import { Server } from "../../../src/doctor/ask.ts";
import { askAdministrator, tryGuest, tryToken } from "../../../src/doctor/check-identity.ts";
import { judgeDelay, judgeHeld, judgeOpening } from "../../../src/doctor/check-poll.ts";
import { judgeClock, judgeHeaders, judgeHealth, judgeHttps, judgeScript, skewOf } from "../../../src/doctor/check-server.ts";
import { isHeartbeatReply, judgeSocket, trySocket, type Attempt } from "../../../src/doctor/check-socket.ts";
import { judgeOrigin, judgeTenant, misnamed, readTenant } from "../../../src/doctor/check-tenant.ts";
import type { Finding } from "../../../src/doctor/finding.ts";
import { isLoopback, neighbours, originOf } from "../../../src/doctor/origin.ts";
import { answer, Answering, Forbidden, late, Refused, Silent, tools, unreachable, type Asked } from "./fake.ts";

const base = new URL("https://chat.example.org/talk/");
const tenant = { slug: "my-shop", publicKey: "pk_1", name: "My shop", guests: true };

function server(respond: (asked: Asked) => Response): { server: Server; asked: Asked[] } {
  const fake = tools(respond);
  return { server: new Server(base, fake, new AbortController().signal), asked: fake.asked };
}

function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { "x-request-id": "request-1" } });
}

/** State and text of a finding. */
function told(finding: Finding): string[] {
  return [finding.state, ...finding.seen.map(({ key }) => key.replace("doctor.", ""))];
}

describe("the server", () => {
  it("is healthy, ill, slow or away", () => {
    expect(told(judgeHealth(answer(200), "1.2.3", base))).toEqual(["good", "serverVersion"]);
    expect(told(judgeHealth(answer(200), undefined, base))).toEqual(["good", "serverGood"]);
    const ill = judgeHealth(answer(503, { error: "database unavailable" }), "1.2.3", base);
    expect([...told(ill), ill.requestId]).toEqual(["broken", "serverNotReady", "request-1"]);
    expect(told(judgeHealth(late, undefined, base))).toEqual(["broken", "serverTimeout"]);
    expect(told(judgeHealth(unreachable, undefined, base))).toEqual(["broken", "serverUnreachable"]);
  });

  it("has its answers changed on the way", () => {
    const another = answer(200, {}, { "x-request-id": "request-2" });
    expect(told(judgeHeaders([answer(200), another]))).toEqual(["good", "headersGood"]);
    expect(told(judgeHeaders([answer(200), answer(200)]))).toEqual(["broken", "headersCached"]);
    expect(told(judgeHeaders([{ ...answer(200), requestId: null }, another]))).toEqual(["warning", "headersNoId"]);
    expect(told(judgeHeaders([answer(200, {}, { "cache-control": "max-age=60" }), another]))).toEqual(["warning", "headersStore"]);
  });

  const https: [server: string, site: string | undefined, finding: string[]][] = [
    ["https://chat.example/", "https://shop.example", ["good", "httpsGood"]],
    ["https://chat.example/", "http://shop.example", ["warning", "httpsSite"]],
    ["https://chat.example/", "http://localhost:3000", ["good", "httpsGood"]],
    ["http://chat.example/", "https://shop.example", ["broken", "httpsMixed"]],
    ["http://chat.example/", "http://shop.example", ["warning", "httpsPlain"]],
    ["http://127.0.0.1:4000/", "https://shop.example", ["good", "httpsLocal"]],
    ["http://chat.example/", undefined, ["warning", "httpsPlain"]],
  ];
  it.each(https)("%s for %s", (at, site, finding) => {
    expect(told(judgeHttps(new URL(at), site === undefined ? undefined : new URL(site)))).toEqual(finding);
  });

  it("tells the time", () => {
    const at = Date.parse("2026-11-22T12:00:00Z");
    const dated = (date: string): ReturnType<typeof answer> => ({ ...answer(200, {}, { date }, 200), at });
    expect(skewOf(dated("Sun, 22 Nov 2026 12:00:00 GMT"))).toBeCloseTo(0.6);
    expect(told(judgeClock(skewOf(dated("Sun, 22 Nov 2026 12:00:00 GMT"))))).toEqual(["good", "clockGood"]);
    expect(told(judgeClock(skewOf(dated("Sun, 22 Nov 2026 12:03:00 GMT"))))).toEqual(["warning", "clockBehind"]);
    expect(told(judgeClock(skewOf(dated("Sun, 22 Nov 2026 11:57:00 GMT"))))).toEqual(["warning", "clockAhead"]);
    expect(told(judgeClock(skewOf(dated("yesterday"))))).toEqual(["skipped", "clockUnknown"]);
  });

  it("hands out the widget to every site", () => {
    const open = { "content-type": "text/javascript", "cross-origin-resource-policy": "cross-origin", "access-control-allow-origin": "*" };
    const address = new URL("chat.js", base);
    expect(told(judgeScript(answer(200, "", open), address))).toEqual(["good", "scriptGood"]);
    expect(told(judgeScript(answer(200, "", { "content-type": "text/html" }), address))).toEqual(["broken", "scriptStatus"]);
    expect(told(judgeScript(answer(404), address))).toEqual(["broken", "scriptStatus"]);
    expect(told(judgeScript(answer(200, "", { "content-type": "text/javascript" }), address))).toEqual(["broken", "scriptHeaders"]);
    expect(told(judgeScript(unreachable, address))).toEqual(["broken", "scriptMissing"]);
  });
});

describe("the tenant", () => {
  it("is there, is not, or is suspended", () => {
    const data = { slug: "my-shop", public_key: "pk_1", name: "My shop", guests: false };
    expect(told(judgeTenant(answer(200, { data }), "pk_1"))).toEqual(["good", "tenantGood"]);
    expect(readTenant(answer(200, { data }))).toEqual({ ...tenant, guests: false });
    expect(readTenant(answer(200, { data: { slug: 5 } }))).toBeUndefined();
    expect(told(judgeTenant(answer(404, { error: "tenant not found" }), "pk_9"))).toEqual(["broken", "tenantUnknown"]);
    const suspended = judgeTenant(answer(403, { error: "this tenant is suspended" }), "my-shop");
    expect(told(suspended)).toEqual(["broken", "tenantSuspended"]);
    expect(suspended.fixes[0]?.snippets?.[0]?.text).toBe("parlour tenant resume my-shop");
    expect(told(judgeTenant(answer(418), "x"))).toEqual(["broken", "unexpected"]);
  });

  it("is not named by a secret, nor by what would run in a shell", () => {
    for (const secret of ["sk_1", "ta_1", "gk_1"]) expect(misnamed(secret)?.seen[0]?.key).toBe("doctor.tenantSecret");
    expect(misnamed("a; rm -rf /")?.state).toBe("broken");
    for (const name of ["", "pk_1", "my-shop"]) expect(misnamed(name)).toBeUndefined();
  });
});

describe("the origin", () => {
  it("is read from what people write", () => {
    expect(originOf("https://Shop.example/a?b#c")?.origin).toBe("https://shop.example");
    expect(originOf("shop.example:8443")?.origin).toBe("https://shop.example:8443");
    expect(originOf("http://localhost:3000/")?.origin).toBe("http://localhost:3000");
    expect(originOf("https://müller.example")?.origin).toBe("https://xn--mller-kva.example");
    for (const text of ["", "javascript://alert(1)", "file:///a", "https://", "two words"]) expect(originOf(text), text).toBeUndefined();
  });

  it("knows this machine", () => {
    for (const host of ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]) expect(isLoopback(new URL(`http://${host}`)), host).toBe(true);
    for (const host of ["shop.example", "128.0.0.1", "localhost.example"]) expect(isLoopback(new URL(`http://${host}`)), host).toBe(false);
  });

  it("has neighbours it is taken for", () => {
    expect(neighbours(new URL("https://shop.example"))).toEqual(["https://www.shop.example", "http://shop.example"]);
    expect(neighbours(new URL("http://www.shop.example:8080"))).toEqual(["http://shop.example:8080", "https://www.shop.example:8080"]);
    expect(neighbours(new URL("http://127.0.0.1:3000"))).toEqual(["https://127.0.0.1:3000"]);
  });

  const verdict = (allowed: boolean, rule = "allowed_origins", sockets = true): Response => json(200, { data: { allowed, rule, sockets } });
  const site = new URL("https://shop.example");

  it("is allowed", async () => {
    const { server: chat, asked } = server(() => verdict(true));
    const finding = await judgeOrigin(chat, tenant, site, undefined);
    expect(told(finding)).toEqual(["good", "originGood"]);
    expect(finding.fixes[0]?.snippets?.[0]?.text).toContain("-H 'origin: https://shop.example'");
    expect(asked[0]?.path).toBe("/talk/api/v1/tenant/origin?origin=https%3A%2F%2Fshop.example");
  });

  it("is refused, and a neighbour is not", async () => {
    const { server: chat } = server(({ path }) => verdict(path.includes("www.")));
    const finding = await judgeOrigin(chat, tenant, site, undefined);
    expect(told(finding)).toEqual(["broken", "originRefused", "originNear"]);
    expect(finding.fixes[0]?.say.key).toBe("doctor.originFixUnseen");
  });

  it("is added to a list that is known", async () => {
    const { server: chat } = server(() => verdict(false));
    const finding = await judgeOrigin(chat, tenant, site, ["https://www.shop.example"]);
    expect(finding.fixes[0]?.snippets?.[0]?.text).toBe(
      `parlour tenant update my-shop --set 'allowed_origins=["https://www.shop.example","https://shop.example"]'`,
    );
  });

  it("is let in by the tenant, and its sockets are not by the server", async () => {
    const { server: chat } = server(() => verdict(true, "allowed_origins", false));
    expect(told(await judgeOrigin(chat, tenant, site, undefined))).toEqual(["broken", "originSockets"]);
  });
});

describe("who is asked for", () => {
  it("is let in, with the token in a header and nowhere else", async () => {
    const { server: chat, asked } = server(() => json(200, { data: { kind: "host" } }));
    const { finding, token } = await tryToken(chat, tenant, "a.b.c", { inOrder: true, keysKnown: false });
    expect([...told(finding), token]).toEqual(["good", "acceptedGood", "a.b.c"]);
    expect(asked[0]?.headers.get("authorization")).toBe("Bearer a.b.c");
    expect(asked[0]?.path).not.toContain("a.b.c");
  });

  it("is refused for one of three reasons", async () => {
    const { server: chat } = server(() => json(401, { error: "unauthorized" }));
    const refused = async (inOrder: boolean, keysKnown: boolean): Promise<string[]> =>
      told((await tryToken(chat, tenant, "a.b.c", { inOrder, keysKnown })).finding);
    expect(await refused(false, false)).toEqual(["broken", "acceptedFaults"]);
    expect(await refused(true, true)).toEqual(["broken", "acceptedSignature"]);
    expect(await refused(true, false)).toEqual(["broken", "acceptedUnknown"]);
  });

  it("is a guest, where there may be guests", async () => {
    const { server: chat, asked } = server(() => json(200, { data: { token: "session", guest_key: "gk_1" } }));
    expect(await tryGuest(chat, tenant)).toMatchObject({ token: "session", finding: { state: "good" } });
    expect(await tryGuest(chat, { ...tenant, guests: false })).toMatchObject({ finding: { state: "skipped" } });
    expect(asked).toHaveLength(1);
  });

  it("may be an administrator, who sees keys and origins", async () => {
    const keys = [{ kid: "key-1", algorithm: "HS256", revoked_at: null }, { kid: 5 }, "key"];
    const { server: chat } = server(({ path }) => json(200, { data: path.endsWith("/keys") ? keys : { settings: { allowed_origins: ["https://a.example", 5] } } }));
    expect(await askAdministrator(chat, tenant, "ta_1")).toMatchObject({
      finding: { state: "good" },
      keys: [{ kid: "key-1", algorithm: "HS256", revokedAt: null }],
      origins: ["https://a.example"],
    });
    const { server: other } = server(() => json(401, { error: "unauthorized" }));
    expect(told((await askAdministrator(other, tenant, "ta_9")).finding)).toEqual(["broken", "adminRefused"]);
  });
});

describe("the socket", () => {
  const attempt = (end: Attempt["end"], more: Partial<Attempt> = {}): Attempt => ({ end, openMs: 20, heartbeatMs: 5, code: 1006, ...more });

  async function judged(tried: Attempt, respond: () => Response = () => json(400, {})): Promise<string[]> {
    const { server: chat } = server(respond);
    const { socket, heartbeat } = await judgeSocket(tried, chat, "a.b.c");
    return [...told(socket), ...told(heartbeat)];
  }

  it("opens and answers", async () => {
    expect(await judged(attempt("answered"))).toEqual(["good", "socketGood", "good", "heartbeatGood"]);
    expect(await judged(attempt("answered", { heartbeatMs: 1500 }))).toEqual(["good", "socketGood", "warning", "heartbeatSlow"]);
    expect(await judged(attempt("silent"))).toEqual(["good", "socketGood", "broken", "heartbeatNone"]);
    expect(await judged(attempt("closed", { code: 4401 }))).toEqual(["good", "socketGood", "broken", "socketClosed"]);
    expect(await judged(attempt("late"))).toEqual(["broken", "socketLate", "skipped", "notTried"]);
  });

  const reasons: [string, () => Response, string][] = [
    ["an upgrade that was dropped", () => json(400, {}), "socketUpgrade"],
    ["a refusal", () => json(403, {}), "socketForbidden"],
    ["too many", () => json(429, {}), "socketMany"],
    ["a server without room", () => json(503, {}), "socketStatus"],
    ["somebody else who answers", () => new Response("", { status: 502 }), "socketElsewhere"],
    [
      "a cut",
      () => {
        throw new TypeError("network error");
      },
      "socketUnreachable",
    ],
  ];
  it.each(reasons)("fails by %s", async (_, respond, key) => {
    expect((await judged(attempt("refused"), respond))[1]).toBe(key);
  });

  it("is tried until something happens to it, and let go of then", async () => {
    const tried = (how: typeof Refused): Promise<Attempt> =>
      trySocket(base, "a.b.c", { ...tools(() => json(200, {})), WebSocket: how }, new AbortController().signal);
    expect((await tried(Answering)).end).toBe("answered");
    expect((await tried(Refused)).end).toBe("refused");
    expect(await tried(Forbidden)).toMatchObject({ end: "refused", code: 1006 });
    const stopped = new AbortController();
    const never = trySocket(base, "a.b.c", { ...tools(() => json(200, {})), WebSocket: Silent }, stopped.signal);
    stopped.abort();
    expect((await never).end).toBe("closed");
    expect(Silent.closed).toBe(1);
  });

  it("knows the reply to its heartbeat", () => {
    expect(isHeartbeatReply('[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]')).toBe(true);
    for (const frame of ["", "{}", "[]", '[null,"2","phoenix","phx_reply",{}]', 5, null]) expect(isHeartbeatReply(frame)).toBe(false);
  });
});

describe("long polling", () => {
  it("opens a session", () => {
    expect(told(judgeOpening(answer(200, { status: 410, token: "lp-1" })))).toEqual(["good", "pollGood"]);
    expect(told(judgeOpening(answer(200, { status: 403 })))).toEqual(["broken", "socketForbidden"]);
    expect(told(judgeOpening(answer(502)))).toEqual(["broken", "pollElsewhere"]);
    expect(told(judgeOpening(unreachable))).toEqual(["broken", "socketUnreachable"]);
  });

  it("is prompt", () => {
    expect(told(judgeDelay(30))).toEqual(["good", "pollPromptGood"]);
    expect(told(judgeDelay(1500))).toEqual(["warning", "pollLate"]);
  });

  it("may wait", () => {
    expect(told(judgeHeld(answer(200, { status: 204 }, {}, 10_000)))).toEqual(["good", "pollHeldGood"]);
    expect(told(judgeHeld(answer(504, {}, {}, 5000)))).toEqual(["broken", "pollCut"]);
    const cut = judgeHeld({ failed: "unreachable", ms: 5012 });
    expect([...told(cut), cut.seen[0]?.params?.["time"]]).toEqual(["broken", "pollCut", { seconds: 5 }]);
  });
});
