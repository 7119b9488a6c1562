// @ts-check
import { READERS } from "./backend.mjs";

const { ada, jonas, leyla } = READERS;
const mika = { id: "author-mika", name: "Mika" };

/** @type {import("../lib/parlour.mjs").Website} */
export const TRAVEL_BLOG = {
  slug: "mika-travel-blog",
  name: "Mika goes slowly",
  // Readers who are signed in to the blog are known by name; the others may write, too, and keep it when they sign in.
  settings: { guests: true, guest_claims: true, page_rooms: true },
  people: [mika, ada, jonas, leyla].filter((person) => person !== undefined),
  rooms: [
    {
      slug: "journeys",
      name: "Journeys",
      description: "Where to next, and how",
      messages: [
        { by: "author-mika", text: "Hello, everybody. New here: you can talk to me, and to one another, on every page." },
        { by: "reader-leyla", text: "Lovely! Is the ferry piece really the last one of the year?" },
        { by: "author-mika", text: "It is. The boat rests in winter, and so do I.", reply: 1, reactions: [["⛴️", "reader-leyla"]] },
      ],
    },
    {
      slug: "night-train",
      name: "The night train",
      description: "Berths, borders and breakfast",
      messages: [
        { by: "author-mika", text: "Who has taken it since the new timetable? I would like to know about the *02:10* stop." },
        {
          by: "reader-leyla",
          text: "Last Friday! We stood there for forty minutes, and somebody in the corridor had a *clarinet*.",
          reactions: [["🎶", "author-mika"], ["🎶", "reader-jonas"], ["😍", "reader-ada"]],
        },
        { by: "reader-jonas", text: "I am going on the 28th. Which side for the sea?" },
        { by: "author-mika", text: "On the left, from about half past six.", reply: 1, reactions: [["🌊", "reader-jonas"]] },
        { by: "reader-leyla", text: "And take the upper berth. The lower one is everybody's sofa until ten." },
      ],
    },
  ],
};
