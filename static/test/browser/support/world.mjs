// @ts-check
// A tenant in which something has been going on, for pictures and for what has to hold in every state.
import { tenant } from "./server.mjs";

/** @typedef {import("./server.mjs").Visitor} Visitor */

/**
 * Rooms, people and what they said: replies, threads, reactions, mentions, an edit, a deletion, links, code, a long word
 * and right-to-left text. `account` is somebody with a password, who is a member of all of it and has not read
 * everything.
 *
 * @param {import("./server.mjs").Target} server
 */
export async function world(server) {
  const site = await tenant(server);
  await site.admin("PATCH", "", { name: "Harbour Studio" });
  const [ada, ben, chloe, samir] = await Promise.all([
    site.user("Ada Lindqvist"),
    site.user("Ben Okafor"),
    site.user("Chloé Martin"),
    site.user("سمير حداد"),
  ]);
  const account = await register(server, site.slug, "nora");

  const studio = await ada.rest.room({ name: "Studio" });
  await ada.rest.ok("PATCH", `/rooms/${studio.id}`, { description: "Everything that has no room of its own" });
  const design = await ben.rest.room({ name: "Design" });
  const secret = await ada.rest.room({ name: "Surprise for Ben", kind: "private" });
  await ben.rest.room({ name: "Lunch" });
  await chloe.rest.room({ name: "Night train to Lisbon" });
  await ada.rest.ok("POST", `/rooms/${secret.id}/members`, { user_id: account.id });
  for (const room of [studio, design]) await account.rest.ok("POST", `/rooms/${room.id}/join`);

  const say = talk(studio.id);
  await say(ada, "Good morning! The new posters are back from the printer.");
  const posters = await say(ada, "They look *even better* than on the screen. Come and see, they are by the window.");
  const question = await say(ben, "Which paper did we take in the end?");
  await say(chloe, "The heavy one: `Munken 300`. The sample is at https://paper.example/munken?weight=300", { reply_to: question });
  await say(samir, "صباح الخير! سأمرّ قبل الظهر لأراها.");
  const deleted = await say(ben, "wrong window");
  await ben.rest.ok("DELETE", `/rooms/${studio.id}/messages/${deleted}`);
  await say(account, "I can hang them up at noon 🎉");
  const edited = await say(ben, `Thank you, @${account.username}! The ladder is in the hall.`);
  await ben.rest.ok("PATCH", `/rooms/${studio.id}/messages/${edited}`, {
    content: `Thank you, @${account.username}! The ladder is in the cellar.`,
  });
  await say(ada, "Where shall we put the big one?");
  const root = await say(chloe, "Two options:\n• above the stairs\n• beside the door, where there is more light in the morning");
  await say(ada, "The stairs, so that one sees it when coming in.", { thread_root: root });
  await say(samir, "الباب أفضل", { thread_root: root });
  await say(account, "Beside the door it would get the sun. Are the colours fast?", { thread_root: root });
  await say(ben, "👍");
  await react(studio.id, posters, [[ben, "🎉"], [chloe, "🎉"], [samir, "🎉"], [ben, "😍"], [account, "🎉"]]);
  await ada.rest.ok("PUT", `/rooms/${studio.id}/messages/${posters}/pin`);

  const inDesign = talk(design.id);
  await inDesign(ben, "The logo is in the folder.");
  await inDesign(chloe, `@${account.username} can you look at the spacing?`);
  await talk(secret.id)(ada, "The cake is ordered. Not a word!");
  const { data: dm } = await chloe.rest.ok("POST", "/dm", { user_id: account.id });
  await chloe.rest.ok("POST", `/dm/${dm.id}/messages`, { content: "Are you coming on Friday?" });
  return { site, account, people: { ada, ben, chloe, samir }, rooms: { studio, design, secret } };
}

/**
 * Somebody with a password, and with a name that looks well.
 *
 * @param {import("./server.mjs").Target} server
 * @param {string} tenant
 * @param {string} username
 */
async function register(server, tenant, username) {
  const password = "correct horse battery staple";
  const { data } = await server.rest({ tenant }).ok("POST", "/auth/register", { username, password });
  return { id: data.user.id, username, password, rest: server.rest({ token: data.token }) };
}

/** @param {string} room */
function talk(room) {
  return async (/** @type {{rest: Visitor["rest"]}} */ user, /** @type {string} */ content, /** @type {object} */ more = {}) => {
    const { data } = await user.rest.ok("POST", `/rooms/${room}/messages`, { content, ...more });
    return /** @type {string} */ (data.id);
  };
}

/**
 * @param {string} room
 * @param {string} message
 * @param {[who: {rest: Visitor["rest"]}, emoji: string][]} reactions
 */
async function react(room, message, reactions) {
  for (const [{ rest }, emoji] of reactions) {
    await rest.ok("PUT", `/rooms/${room}/messages/${message}/reactions/${encodeURIComponent(emoji)}`);
  }
}
