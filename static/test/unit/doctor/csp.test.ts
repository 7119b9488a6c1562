import { describe, expect, it } from "vitest";
import { amended, judge, matches, parsePolicies, type Fetching, type Policy } from "../../../src/doctor/csp.ts";
import { judgePolicies } from "../../../src/doctor/csp-findings.ts";

const page = new URL("https://shop.example/");
const server = new URL("https://chat.example.org/");

function policy(text: string): Policy {
  const [first] = parsePolicies(text);
  if (!first) throw new Error("no policy");
  return first;
}

function allows(text: string, fetching: Fetching, target: string): boolean {
  return judge(policy(text), fetching, new URL(target), page).allowed;
}

describe("reading policies", () => {
  it("takes a header's value", () => {
    expect([...policy("default-src 'self';  img-src  https: ; ").directives]).toEqual([
      ["default-src", ["'self'"]],
      ["img-src", ["https:"]],
    ]);
  });

  it("takes the header lines of an answer, and leaves the others", () => {
    const answer = [
      "HTTP/2 200",
      "content-type: text/html",
      "Content-Security-Policy: default-src 'self'",
      "content-security-policy-report-only: default-src 'none'",
    ].join("\r\n");
    expect(parsePolicies(answer).map(({ reportOnly }) => reportOnly)).toEqual([false, true]);
  });

  it("takes meta elements, in either kind of quotes", () => {
    const html = `<meta http-equiv="Content-Security-Policy" content="default-src 'self'; img-src https:">
      <META content='connect-src *' http-equiv=content-security-policy>`;
    expect(parsePolicies(html).map(({ directives }) => [...directives.keys()])).toEqual([["default-src", "img-src"], ["connect-src"]]);
  });

  it("parts several policies in one header, and takes the first of a directive that comes twice", () => {
    const [one, other] = parsePolicies("IMG-SRC a.example; img-src b.example, script-src 'none'");
    expect(one?.directives.get("img-src")).toEqual(["a.example"]);
    expect(other?.directives.get("script-src")).toEqual(["'none'"]);
  });

  it("finds none in nothing", () => {
    expect(parsePolicies(" \n ;, ")).toEqual([]);
  });
});

describe("sources", () => {
  const cases: [source: string, target: string, covered: boolean][] = [
    ["*", "https://chat.example.org/", true],
    ["*", "wss://chat.example.org/", true],
    ["*", "data:text/plain,x", false],
    ["'none'", "https://chat.example.org/", false],
    ["'unsafe-inline'", "https://chat.example.org/", false],
    ["https:", "https://chat.example.org/", true],
    ["https:", "wss://chat.example.org/", false],
    ["http:", "https://chat.example.org/", true],
    ["wss:", "wss://chat.example.org/", true],
    ["ws:", "wss://chat.example.org/", true],
    ["chat.example.org", "https://chat.example.org/", true],
    ["chat.example.org", "https://chat.example.org:8443/", false],
    ["chat.example.org:8443", "https://chat.example.org:8443/", true],
    ["chat.example.org:*", "https://chat.example.org:8443/", true],
    ["CHAT.example.ORG", "https://chat.example.org/", true],
    ["*.example.org", "https://chat.example.org/", true],
    ["*.example.org", "https://a.chat.example.org/", true],
    ["*.example.org", "https://example.org/", false],
    ["https://chat.example.org", "https://chat.example.org/a/b", true],
    ["https://chat.example.org", "https://chat.example.org.evil.example/", false],
    ["https://chat.example.org", "http://chat.example.org/", false],
    ["http://chat.example.org", "https://chat.example.org/", true],
    ["http://chat.example.org:80", "https://chat.example.org/", true],
    ["https://chat.example.org/static/", "https://chat.example.org/static/a.js", true],
    ["https://chat.example.org/static/", "https://chat.example.org/chat.js", false],
    ["https://chat.example.org/chat.js", "https://chat.example.org/chat.js", true],
    ["https://chat.example.org/chat.js", "https://chat.example.org/chat.js/a", false],
    ["https://*", "https://chat.example.org/", true],
    ["not a source!", "https://chat.example.org/", false],
    ["http://127.0.0.1:4000", "http://127.0.0.1:4000/chat.js", true],
  ];
  it.each(cases)("%s and %s: %s", (source, target, covered) => {
    expect(matches(source, new URL(target), page)).toBe(covered);
  });

  it("'self' is the page's origin, sockets included, and no other", () => {
    for (const own of ["https://shop.example/a", "wss://shop.example/a"]) expect(matches("'self'", new URL(own), page), own).toBe(true);
    for (const other of ["http://shop.example/", "https://shop.example:444/", "https://www.shop.example/"]) {
      expect(matches("'self'", new URL(other), page), other).toBe(false);
    }
    expect(matches("'self'", new URL("https://shop.example/"), new URL("http://shop.example/"))).toBe(true);
    expect(matches("'self'", new URL("https://shop.example/"), new URL("http://shop.example:8080/"))).toBe(false);
  });
});

describe("directives", () => {
  it("stand in for those that are missing", () => {
    expect(allows("default-src 'self'", "connect-src", "https://chat.example.org/")).toBe(false);
    expect(allows("default-src 'self'; connect-src https:", "connect-src", "https://chat.example.org/")).toBe(true);
    expect(allows("script-src https://chat.example.org; default-src 'none'", "script-src-elem", "https://chat.example.org/chat.js")).toBe(true);
    expect(allows("script-src https://chat.example.org; script-src-elem 'self'", "script-src-elem", "https://chat.example.org/chat.js")).toBe(false);
    expect(allows("frame-ancestors 'none'", "img-src", "https://a.example/b.png")).toBe(true);
  });

  it("with no source at all allow nothing", () => {
    expect(allows("connect-src", "connect-src", "https://chat.example.org/")).toBe(false);
  });

  it("with 'strict-dynamic' count no addresses, but nonces", () => {
    const judged = judge(policy("script-src 'nonce-abc' 'strict-dynamic' https:"), "script-src-elem", new URL("chat.js", server), page);
    expect(judged).toEqual({ allowed: false, directive: "script-src", nonce: true });
  });

  it("of a policy that only reports forbid nothing", () => {
    const [reporting] = parsePolicies("Content-Security-Policy-Report-Only: default-src 'none'");
    expect(reporting && judge(reporting, "img-src", server, page)).toEqual({ allowed: true });
  });
});

describe("amending", () => {
  it("adds to the directive that decides", () => {
    expect(amended(policy("connect-src 'self'"), [{ fetching: "connect-src", sources: ["https://a", "wss://a"] }])).toEqual([
      "connect-src 'self' https://a wss://a;",
    ]);
  });

  it("takes over what default-src allowed, and never keeps 'none'", () => {
    expect(amended(policy("default-src 'self' cdn.example"), [{ fetching: "connect-src", sources: ["https://a"] }])).toEqual([
      "connect-src 'self' cdn.example https://a;",
    ]);
    expect(amended(policy("default-src 'none'"), [{ fetching: "script-src-elem", sources: ["https://a"] }])).toEqual(["script-src https://a;"]);
  });

  it("makes what it was made for work, whatever the policy was", () => {
    const texts = ["default-src 'none'", "default-src 'self'; connect-src 'self'", "script-src 'self'; img-src data:", "script-src-elem 'self'"];
    for (const text of texts) {
      const lines = (["script-src-elem", "connect-src", "img-src"] as const).flatMap((fetching) =>
        amended(policy(text), [{ fetching, sources: ["https://chat.example.org", "wss://chat.example.org"] }]),
      );
      // The first of a directive counts, so what was amended stands before what was there.
      const mended = `${lines.join(" ")} ${text}`;
      for (const target of ["https://chat.example.org/static/a.js", "wss://chat.example.org/chat/socket"]) {
        expect(allows(mended, "connect-src", target), mended).toBe(true);
      }
      expect(allows(mended, "script-src-elem", "https://chat.example.org/chat.js"), mended).toBe(true);
    }
  });
});

describe("findings", () => {
  const judged = (text: string, at = server) => judgePolicies(parsePolicies(text), { server: at, page });
  const keys = (finding: { seen: readonly { key: string }[] }) => finding.seen.map(({ key }) => key);

  it("say nothing is in the way of a page that names the server", () => {
    const findings = judged("default-src 'self'; script-src https://chat.example.org; connect-src https://chat.example.org wss://chat.example.org; img-src https:");
    expect(Object.values(findings).map(({ state }) => state)).toEqual(["good", "good", "good", "good"]);
  });

  it("are skipped without a policy", () => {
    expect(judged("").cspConnect.state).toBe("skipped");
  });

  it("tell a socket that is missing from a server that is", () => {
    expect(keys(judged("connect-src https://chat.example.org").cspConnect)).toEqual(["doctor.cspConnectSocket"]);
    expect(keys(judged("connect-src 'self'").cspConnect)).toEqual(["doctor.cspConnectMissing"]);
    expect(judged("connect-src 'self'").cspConnect.fixes[0]?.snippets?.[0]?.text).toBe(
      "connect-src 'self' https://chat.example.org wss://chat.example.org;",
    );
  });

  it("name ports, as sources without one mean the scheme's own", () => {
    const findings = judged("connect-src chat.example.org", new URL("https://chat.example.org:8443/"));
    expect(findings.cspConnect.fixes[0]?.snippets?.[0]?.text).toContain("wss://chat.example.org:8443");
  });

  it("see a source that covers the loader and not its parts", () => {
    expect(keys(judged("script-src https://chat.example.org/chat.js").cspScript)).toEqual(["doctor.cspScriptPart"]);
    expect(keys(judged("script-src 'self'").cspScript)).toEqual(["doctor.cspScriptMissing"]);
  });

  it("look below the path that the server is mounted at", () => {
    const at = new URL("https://shop.example/talk/");
    expect(judged("script-src https://shop.example/talk/; connect-src 'self'", at).cspScript.state).toBe("good");
    expect(judged("script-src https://shop.example/talk/; connect-src 'self'", at).cspConnect.state).toBe("good");
  });

  it("ask for a nonce where the policy counts on one", () => {
    const { cspScript } = judged("script-src 'nonce-abc' 'strict-dynamic'");
    expect([cspScript.state, ...keys(cspScript)]).toEqual(["warning", "doctor.cspScriptNonce"]);
  });

  it("need neither styles nor Trusted Types", () => {
    expect(judged("default-src https: wss:; style-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'").cspRest.state).toBe("good");
  });

  it("see sandboxes, and upgrades to where nobody answers", () => {
    expect(keys(judged("sandbox").cspRest)).toContain("doctor.cspSandboxScripts");
    expect(keys(judged("sandbox allow-scripts").cspRest)).toContain("doctor.cspSandboxOrigin");
    expect(judged("sandbox allow-scripts allow-same-origin").cspRest.state).toBe("good");
    expect(keys(judged("upgrade-insecure-requests", new URL("http://chat.example.org/")).cspRest)).toContain("doctor.cspUpgrade");
  });

  it("count every policy that is enforced", () => {
    const findings = judged("connect-src https: wss:, connect-src 'self'");
    expect(findings.cspConnect.state).toBe("broken");
    expect(judged("Content-Security-Policy-Report-Only: default-src 'none'").cspConnect.state).toBe("good");
  });
});
