// @ts-check
// Serves the two sample websites, each on its own origin:
//
//   node sample-site/serve.mjs [--server http://localhost:4000] [--data ./data] [--blog-port 4001] [--shop-port 4002]
//
// and makes what they need on the chat server, with the operator's token of the environment variable
// PARLOUR_AUTH__OPERATOR_TOKEN or of the data folder, where a development server keeps it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Parlour } from "./lib/parlour.mjs";
import { serveSite } from "./lib/site.mjs";
import { SHOP } from "./shop/website.mjs";
import { backend } from "./travel-blog/backend.mjs";
import { TRAVEL_BLOG } from "./travel-blog/website.mjs";

/**
 * @param {object} how
 * @param {string} how.server the chat server's URL
 * @param {string} how.operatorToken
 * @param {string} how.data the folder where signing keys are kept
 * @param {number} [how.blogPort] 0 for any that is free
 * @param {number} [how.shopPort]
 */
export async function serveSamples({ server, operatorToken, data, blogPort = 0, shopPort = 0 }) {
  const parlour = new Parlour(server, operatorToken);
  const folder = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

  await parlour.ensureTenant(TRAVEL_BLOG, [server]);
  const key = await parlour.ensureKey(TRAVEL_BLOG.slug, join(data, "sample-site", "travel-blog.json"));
  await parlour.ensureRooms(TRAVEL_BLOG, key);
  await parlour.ensureTenant(SHOP, [server]);
  const shopKey = await parlour.ensureKey(SHOP.slug, join(data, "sample-site", "shop.json"));
  await parlour.ensureRooms(SHOP, shopKey);

  const blog = await serveSite({ folder: folder("travel-blog"), chat: server, port: blogPort, routes: backend(key) });
  const shop = await serveSite({ folder: folder("shop"), chat: server, port: shopPort });
  // Only now is it known where the pages are, when any port would do.
  await parlour.ensureTenant(TRAVEL_BLOG, [blog.origin]);
  await parlour.ensureTenant(SHOP, [shop.origin]);
  return {
    blog: blog.origin,
    shop: shop.origin,
    close() {
      blog.close();
      shop.close();
    },
  };
}

async function main() {
  const { values } = parseArgs({
    options: {
      server: { type: "string", default: "http://localhost:4000" },
      data: { type: "string", default: "data" },
      "blog-port": { type: "string", default: "4001" },
      "shop-port": { type: "string", default: "4002" },
    },
  });
  const server = new URL(values.server).origin;
  const alive = await fetch(`${server}/health/live`).then(({ ok }) => ok, () => false);
  if (!alive) throw new Error(`nobody answers at ${server}: start a server first, with "make run" in another terminal`);
  const file = join(values.data, "operator_token");
  const operatorToken = process.env["PARLOUR_AUTH__OPERATOR_TOKEN"] ?? (await readFile(file, "utf8").catch(() => ""));
  if (!operatorToken) throw new Error(`no operator's token: neither in PARLOUR_AUTH__OPERATOR_TOKEN nor in ${file}`);
  const { blog, shop } = await serveSamples({
    server,
    operatorToken: operatorToken.trim(),
    data: values.data,
    blogPort: Number(values["blog-port"]),
    shopPort: Number(values["shop-port"]),
  });
  console.log(`a travel blog, whose readers sign in: ${blog}\na shop, with guests:                  ${shop}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  main().catch((error) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
