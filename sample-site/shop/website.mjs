// @ts-check

/** @type {import("../lib/parlour.mjs").Website} */
export const SHOP = {
  slug: "other-website",
  name: "Kiln & Kettle",
  // Nobody signs in to this shop: visitors are guests, and each product has a room of its own.
  settings: { guests: true, guest_claims: false, page_rooms: true },
  people: [
    { id: "staff-ida", name: "Ida from the shop" },
    { id: "staff-tom", name: "Tom, at the kiln" },
  ],
  rooms: [
    {
      slug: "counter",
      name: "At the counter",
      description: "Ask us anything. We are here from 9 to 6",
      messages: [
        { by: "staff-ida", text: "Good morning! The kettle is on. Ask us anything about glaze, size or shipping." },
        { by: "staff-tom", text: "The kiln is opened on Thursday, with the new *moss* glaze in it.", reactions: [["🔥", "staff-ida"]] },
      ],
    },
  ],
};
