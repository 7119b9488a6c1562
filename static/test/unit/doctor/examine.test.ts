import { describe, expect, it } from "vitest";
import { I18n } from "../../../src/i18n/i18n.ts";
import doctor from "../../../src/locales/en/doctor.ts";
import arabic from "../../../src/locales/ar/doctor.ts";
import { examine, GROUPS, SUBJECTS, type CheckId, type Question } from "../../../src/doctor/examine.ts";
import { gravest, together, good, broken, said, warning, type Finding } from "../../../src/doctor/finding.ts";
import { reportText } from "../../../src/doctor/report.ts";
import { say } from "../../../src/doctor/say.ts";
import { Refused, tools, type Asked } from "./fake.ts";

const question: Question = { server: new URL("http://127.0.0.1:4000/"), tenant: "my-shop", origin: "", csp: "", token: "", admin: "" };

let requests = 0;

function json(data: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(data), {
    status,
    headers: { "x-request-id": `request-${(requests += 1)}`, "cache-control": "no-store", ...headers },
  });
}

/** A server where all is well. */
function well({ path, method }: Asked): Response {
  if (path === "/chat.js") {
    return json("", 200, {
      "content-type": "text/javascript",
      "cross-origin-resource-policy": "cross-origin",
      "access-control-allow-origin": "*",
    });
  }
  if (path === "/") return json({ data: { version: "1.2.3" } });
  if (path === "/api/v1/tenant") return json({ data: { slug: "my-shop", public_key: "pk_1", name: "My shop", guests: true } });
  if (path.startsWith("/api/v1/tenant/origin")) return json({ data: { allowed: true, sockets: true, rule: "allowed_origins" } });
  if (path === "/api/v1/auth/guest") return json({ data: { token: "guest-session" } });
  if (path.startsWith("/chat/socket/longpoll")) return method === "POST" ? json({ status: 200 }) : poll();
  return json({ data: { status: "ready" } }, 200, { date: new Date(1_795_300_000_000).toUTCString() });
}

let polls = 0;

/** A session, the reply to a heartbeat, and nothing. */
function poll(): Response {
  polls += 1;
  if (polls % 3 === 1) return json({ status: 410, token: "lp-1", messages: [] });
  if (polls % 3 === 2) return json({ status: 200, messages: ['[null,"1","phoenix","phx_reply",{"status":"ok"}]'] });
  return json({ status: 204, messages: [] });
}

async function findings(asking: Partial<Question>, browser = tools(well)): Promise<Map<CheckId, Finding>> {
  polls = 0;
  const found = new Map<CheckId, Finding>();
  await examine({ ...question, ...asking }, browser, (id, finding) => found.set(id, finding), new AbortController().signal);
  return found;
}

function states(found: Map<CheckId, Finding>, state: Finding["state"]): string[] {
  return [...found].filter(([, finding]) => finding.state === state).map(([id]) => id);
}

describe("an examination", () => {
  it("reports every check once it is over, whatever was entered", async () => {
    const all = SUBJECTS.flatMap((group) => [...GROUPS[group]]).sort();
    for (const asking of [{}, { token: "nothing" }, { tenant: "sk_1" }, { origin: "::" }]) {
      expect([...(await findings(asking)).keys()].sort()).toEqual(all);
    }
    const away = tools(() => {
      throw new TypeError("network error");
    });
    expect([...(await findings({}, away)).keys()].sort()).toEqual(all);
  });

  it("finds nothing wrong where nothing is", async () => {
    const csp = "default-src 'self' http://127.0.0.1:4000; connect-src http://127.0.0.1:4000 ws://127.0.0.1:4000; img-src https:";
    const found = await findings({ origin: "https://shop.example", csp });
    expect([...states(found, "broken"), ...states(found, "warning")]).toEqual([]);
    expect(states(found, "good")).toEqual(expect.arrayContaining(["server", "origin", "cspConnect", "accepted", "socket", "heartbeat", "pollHeld"]));
  });

  it("sends no secret that was entered in the wrong place", async () => {
    const browser = tools(well);
    await findings({ tenant: "sk_secret", token: "ta_secret" }, browser);
    expect(JSON.stringify(browser.asked.map(({ path, headers, body }) => [path, [...headers], body]))).not.toContain("secret");
  });

  it("puts tokens into no address", async () => {
    const browser = tools(well);
    await findings({ token: "a.b.c", admin: "ta_admin" }, browser);
    for (const { path } of browser.asked) expect(path).not.toMatch(/a\.b\.c|ta_admin|guest-session/);
  });

  it("tells a proxy without upgrades", async () => {
    const browser = { ...tools((asked) => (asked.path.startsWith("/chat/socket/websocket") ? json({}, 400) : well(asked))), WebSocket: Refused };
    const found = await findings({}, browser);
    expect(found.get("socket")?.seen[0]?.key).toBe("doctor.socketUpgrade");
    expect(found.get("poll")?.state).toBe("good");
  });
});

describe("findings of one subject", () => {
  it("tell what is wrong and nothing twice", () => {
    const fix = { say: said("doctor.tokenLifeFix") };
    const one = together([good(said("doctor.tokenAudGood")), broken(said("doctor.tokenLife"), fix), warning(said("doctor.tokenLifeNone"), fix)]);
    expect(one.state).toBe("broken");
    expect(one.seen.map(({ key }) => key)).toEqual(["doctor.tokenLife", "doctor.tokenLifeNone"]);
    expect(one.fixes).toHaveLength(1);
  });

  it("are as grave as the gravest", () => {
    expect(gravest([])).toBe("skipped");
    expect(gravest(["good", "skipped"])).toBe("good");
    expect(gravest(["good", "warning", "broken", "running"])).toBe("broken");
  });
});

describe("what is told", () => {
  const english = new I18n("en", doctor);

  it("has spans of time in units", () => {
    const text = (seconds: number): string => say(english, said("doctor.tokenTimesGood", { time: { seconds } }));
    expect(text(0.4)).toBe("Good for another 0.4 sec.");
    expect(text(90)).toBe("Good for another 90 sec.");
    expect(text(595)).toBe("Good for another 10 min.");
    expect(text(9000)).toBe("Good for another 3 hr.");
    expect(text(1e9)).toBe("Good for another 11,574 days.");
  });

  it("isolates names, whose letters may run the other way", () => {
    expect(say(new I18n("ar", arabic), said("doctor.tokenAhead", { time: { seconds: 300 } }))).toContain("5 د");
    expect(say(english, said("doctor.tenantUnknown", { name: "متجر" }))).toBe("The server knows no tenant “\u2068متجر\u2069”.");
  });

  it("is told as a text without secrets and without invisible marks", async () => {
    const found = await findings({ csp: "default-src 'none'" });
    found.set("accepted", broken(said("doctor.unexpected", { status: "500", error: "token a.b.c is bad" })));
    const text = reportText(english, found, ["http://127.0.0.1:4000/", "my-shop", ""], ["a.b.c", ""]);
    expect(text).toContain("Embed doctor · http://127.0.0.1:4000/ · my-shop\n");
    expect(text).toContain("✗ Connecting to the server: default-src does not name http://127.0.0.1:4000 ws://127.0.0.1:4000");
    expect(text).toContain("      connect-src http://127.0.0.1:4000 ws://127.0.0.1:4000;");
    expect(text).not.toMatch(/a\.b\.c|[\u2068\u2069]/);
  });
});
