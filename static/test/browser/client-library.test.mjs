// @ts-check
// The client library as a page without a build step uses it: imported from the server, on another origin.
import assert from "node:assert/strict";
import { it } from "node:test";
import { launch, visitor } from "./support/browser.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { hostPage } from "./support/sites.mjs";

const chat = await startServer();
const browser = await launch();

it("a page imports the library, and chats", async (t) => {
  const site = await tenant(chat);
  const room = await publicRoom(site);
  const origin = await hostPage({
    html: `<ol></ol>
      <script type="module">
        import { ErlexChat, loginAsGuest, Parlour } from "${chat.url}/parlour-client.js";
        const chat = new Parlour({ url: "${chat.url}", tenant: "${site.publicKey}" });
        await loginAsGuest(chat, { name: "Zoë" });
        const room = await chat.joinRoom("${room.slug}");
        room.on("change", () => {
          const rows = room.messages.map(({ user, content, state }) => {
            const row = document.createElement("li");
            row.textContent = user.name + ": " + content + " (" + state + ")";
            return row;
          });
          document.querySelector("ol").replaceChildren(...rows);
        });
        room.send("<b>Hello!</b>");
        globalThis.chat = chat;
        globalThis.ErlexChat = ErlexChat;
      </script>`,
  });
  const context = await visitor(t, browser, { origins: [origin, chat.url] });
  const page = await context.newPage();
  await page.goto(origin);
  await page.getByText("Zoë: <b>Hello!</b> (sent)", { exact: true }).waitFor();
  const [{ content }] = await room.owner.rest.messages(room.id);
  assert.equal(content, "<b>Hello!</b>");
  assert.equal(await page.evaluate(() => typeof Reflect.get(globalThis, "ErlexChat")), "function");

  // Nothing is stored, and nothing is left.
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
  assert.deepEqual(await context.cookies(), []);
  await page.evaluate(() => Reflect.get(globalThis, "chat").destroy());
  assert.equal(await page.evaluate(() => Reflect.get(globalThis, "chat").state), "closed");
});
