// @ts-check
// Days begin at midnight where the reader is, whatever the server's clock says.
import assert from "node:assert/strict";
import { it } from "node:test";
import { launch, visitor } from "./support/browser.mjs";
import { Chat } from "./support/chat.mjs";
import { writeHistory } from "./support/history.mjs";
import { publicRoom, startServer, tenant } from "./support/server.mjs";
import { hostPage, snippet } from "./support/sites.mjs";

/** Twenty-six hours around two midnights of UTC, and the days on which clocks are put forward and back in Europe. */
const MOMENTS = [
  "2026-03-28T23:30:00Z",
  "2026-03-29T00:30:00Z",
  "2026-03-29T22:30:00Z",
  "2026-10-24T22:30:00Z",
  "2026-10-25T00:30:00Z",
  "2026-10-25T23:30:00Z",
  "2026-11-03T10:05:00Z",
  "2026-11-03T11:30:00Z",
  "2026-11-03T23:59:59Z",
  "2026-11-04T00:00:00Z",
  "2026-11-04T11:00:00Z",
];

const ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago"];

const server = await startServer();
const browser = await launch();
const site = await tenant(server);
const room = await publicRoom(site, "Around the clock");
await writeHistory(
  server.server,
  room,
  room.owner,
  MOMENTS.map((moment) => ({ content: moment, at: new Date(moment) })),
);
const origin = await hostPage({ html: snippet(server.url, { tenant: site.slug, room: room.slug }) });

/**
 * The moments by their days in a zone.
 *
 * @param {string} timeZone
 */
function days(timeZone) {
  const format = new Intl.DateTimeFormat("en-CA", { timeZone });
  /** @type {Map<string, string[]>} */
  const found = new Map();
  for (const moment of MOMENTS) {
    const day = format.format(new Date(moment));
    found.set(day, [...(found.get(day) ?? []), moment]);
  }
  return [...found.values()];
}

for (const timezoneId of ZONES) {
  it(`days in ${timezoneId}`, async (t) => {
    const context = await visitor(t, browser, { origins: [origin, server.url], timezoneId });
    const page = await context.newPage();
    await page.goto(origin);
    const chat = new Chat(page);
    await chat.open();
    await chat.sees(MOMENTS.at(-1) ?? "");
    // Every day that is drawn, with the messages below it.
    const drawn = await chat.log.evaluate((log) => {
      /** @type {string[][]} */
      const days = [];
      for (const row of log.querySelectorAll(".day, .message")) {
        if (row.classList.contains("day")) days.push([]);
        else days.at(-1)?.push(row.querySelector(".message-bubble")?.textContent ?? "");
      }
      return days;
    });
    assert.deepEqual(drawn, days(timezoneId));
  });
}
