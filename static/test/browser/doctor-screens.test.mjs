// @ts-check
// The embed doctor in every look: axe finds nothing wrong with it, and there is a picture of it to look at.
import { it } from "node:test";
import { launch, REFUSED, visitor } from "./support/browser.mjs";
import { LOOKS } from "./support/looks.mjs";
import { screens } from "./support/screens.mjs";
import { startServer, tenant } from "./support/server.mjs";
import { texts } from "./support/texts.mjs";

const server = await startServer();
const browser = await launch();
const site = await tenant(server, { allowed_origins: ["https://shop.example"] });

for (const [look, options] of Object.entries(LOOKS)) {
  it(`the doctor, ${look}`, async (t) => {
    const context = await visitor(t, browser, { origins: [server.url], errors: REFUSED, ...options });
    const page = await context.newPage();
    const say = texts("locale" in options ? options.locale : "en");
    const screen = screens(t, page, "doctor", look);
    const examine = async () => {
      await page.getByRole("button", { name: say("doctor.examine"), exact: true }).click();
      await page.locator('.doctor-verdict[data-phase="done"]').waitFor();
    };

    await page.goto(`${server.url}/embed/doctor`);
    await page.getByText(say("doctor.waiting")).waitFor();
    await screen("waiting");
    await page.getByLabel(say("doctor.tenantLabel")).fill(site.slug);
    await page.getByLabel(say("doctor.originLabel")).fill("https://www.shop.example");
    await page.getByLabel(say("doctor.cspLabel")).fill("default-src 'self'");
    await page.getByLabel(say("doctor.tokenLabel")).fill(site.token({ exp: 1, name: "Ann" }));
    await examine();
    await screen("faults");
    await page.getByLabel(say("doctor.originLabel")).fill("https://shop.example");
    await page.getByLabel(say("doctor.cspLabel")).fill("");
    await page.getByLabel(say("doctor.tokenLabel")).fill("");
    await examine();
    await screen("good");
  });
}
