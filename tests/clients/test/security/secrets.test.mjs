// @ts-check
// What opens something is in no log, no answer and no metric, and cannot be one that others know.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, describe, it } from "node:test";
import * as longpoll from "../../support/longpoll.mjs";
import { startServer } from "../../support/server.mjs";
import { handshake, openWire } from "../../support/wire.mjs";
import { send } from "./support/http.mjs";
import { REMOTE, target } from "./support/target.mjs";

const server = await target({ "log.filter": "debug", "socket.longpoll_window": "500ms" });
after(() => server.close());

/** Settings of a server in production that starts, but for the secrets. */
const PRODUCTION = { environment: "production" };
const random = () => randomBytes(32).toString("base64");

describe("secrets", { concurrency: true }, () => {
  it("are in no log, no answer to others and no metric, wherever they are sent", async (t) => {
    const site = await server.site({ settings: { settings: { guests: true } } });
    const account = await site.account("ann");
    const [user, apiKey, admin] = await Promise.all([site.user("bob"), site.apiKey(["users:read"]), site.tenantAdmin()]);
    const guest = await server.rest({ tenant: site.slug }).ok("POST", "/auth/guest", {});
    const canaries = {
      "a session": account.token,
      "an exchanged session": user.token,
      "the site's token": user.signed,
      "a signing key": String(site.key.material),
      "a backend's key": apiKey.secret,
      "an administrator's token": admin.secret,
      "a guest's session": guest.data.token,
      "a guest's key": guest.data.guest_key,
      "a password": account.password,
      "the operator's token": server.operatorToken,
    };
    // Each is sent in every place that a client might put it, right or wrong.
    for (const secret of Object.values(canaries)) {
      const written = encodeURIComponent(secret);
      const query = `token=${written}&vsn=2.0.0`;
      const subprotocol = `phoenix, base64url.bearer.phx.${Buffer.from(secret).toString("base64url")}`;
      (await handshake(server, { query })).wire?.drop();
      (await handshake(server, { query: "vsn=2.0.0", headers: { "sec-websocket-protocol": subprotocol } })).wire?.drop();
      await longpoll.request(server, query);
      const bearer = { authorization: `Bearer ${secret}` };
      for (const path of ["/auth/me", "/admin/tenants", "/server/users", `/users?token=${written}`, `/auth/me?access_token=${written}`]) {
        await send(`${server.url}/api/v1${path}`, { headers: { ...bearer, cookie: `token=${secret}` } });
      }
      await send(`${server.url}/metrics`, { headers: bearer });
      for (const [path, body] of /** @type {const} */ ([
        ["exchange", { token: secret }],
        ["claim", { guest_key: secret }],
        ["guest", { guest_key: secret }],
        ["login", { username: account.username, password: secret }],
        ["login", `{"username": "x", "password": "${secret}"`],
        ["register", { username: "somebody", password: secret, surprise: secret }],
      ])) {
        await send(`${server.url}/api/v1/auth/${path}`, { method: "POST", headers: { ...bearer, "x-tenant": site.slug }, body });
      }
    }
    const wire = await openWire(t, user);
    wire.json(["1", "1", `user:${user.id}`, "phx_join", {}]);
    await wire.reply("1");
    wire.json(["1", "2", `user:${user.id}`, "token_refresh", { token: user.token }]);
    await wire.reply("2");
    const metrics = await send(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.operatorToken}` } });
    const stats = await server.operator.request("GET", "/admin/stats");
    const shown = [metrics.text, stats.text, server.server?.log ?? ""];
    if (server.server) assert.match(server.server.log, /DEBUG/, "the log tells a lot");
    for (const [what, secret] of Object.entries(canaries)) {
      // A signature or a piece of a key is as bad as the whole.
      const piece = secret.includes(".") ? String(secret.split(".").at(-1)) : secret;
      assert.ok(shown.every((text) => !text.includes(piece)), `${what} is shown`);
    }
  });

  it("are told once, when they are made", async () => {
    const site = await server.site();
    const [apiKey, admin] = await Promise.all([site.apiKey(["users:read"]), site.tenantAdmin()]);
    assert.match(apiKey.secret, /^sk_[\w-]{43}$/);
    assert.match(admin.secret, /^ta_[\w-]{43}$/);
    assert.ok(String(site.key.material).length >= 32);
    for (const path of ["", "/keys", "/api_keys", "/admins", "/usage", "/limits"]) {
      const shown = JSON.stringify(await site.admin("GET", path));
      for (const secret of [apiKey.secret, admin.secret, String(site.key.material)]) {
        assert.ok(!shown.includes(secret), path);
      }
      assert.doesNotMatch(shown, /"(hash|sealed)"|v1\.[\w-]+\./, path);
    }
  });

  it("that others know do not start a server", { skip: REMOTE && "the server is not ours to start" }, async () => {
    const compose = await readFile(new URL("../../../../docker-compose.yml", import.meta.url), "utf8");
    const printed = /PARLOUR_AUTH__SECRET_KEY:\s*"?([^"\s]+)/.exec(compose)?.[1];
    assert.ok(printed, "the compose file prints a secret");
    /** @type {[string, Record<string, string>][]} */
    const weak = [
      ["auth.secret_key", {}],
      ["auth.secret_key", { "auth.secret_key": printed }],
      ["auth.secret_key", { "auth.secret_key": "short" }],
      ["auth.secret_key", { "auth.secret_key": "a".repeat(64) }],
      ["auth.secret_key", { "auth.secret_key": "0123456789abcdef".repeat(4) }],
      ["auth.master_key", { "auth.secret_key": random() }],
      ["auth.master_key", { "auth.secret_key": random(), "auth.master_key": "short" }],
      ["auth.master_key", { "auth.secret_key": random(), "auth.master_key": printed }],
      ["auth.operator_token", { "auth.secret_key": random(), "auth.master_key": random(), "auth.operator_token": "letmein" }],
    ];
    for (const [setting, secrets] of weak) {
      const started = startServer({ ...PRODUCTION, ...secrets });
      const refusal = await started.then(
        (server) => server.stop().then(() => assert.fail(`a server starts with ${JSON.stringify(secrets)}`)),
        (error) => String(error),
      );
      assert.ok(refusal.includes(setting), refusal);
      for (const secret of Object.values(secrets)) assert.ok(secret === "short" || !refusal.includes(secret), "the refusal repeats it");
    }
    const proper = await startServer({ ...PRODUCTION, "auth.secret_key": random(), "auth.master_key": random() });
    await proper.stop();
  });

  it("that the database was sealed with are needed to open it", { skip: REMOTE && "the server is not ours to restart" }, async () => {
    const own = await target({ "auth.master_key": random() });
    const process = own.server;
    assert.ok(process);
    await own.site();
    await process.halt();
    const right = String(process.settings["auth.master_key"]);
    process.settings["auth.master_key"] = random();
    await assert.rejects(process.start(), /master_key/);
    process.settings["auth.master_key"] = right;
    await process.start();
    await own.close();
  });
});
