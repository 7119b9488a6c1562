// @ts-check
// Conversations that are longer, or older, than a test has time for.
import { execFileSync } from "node:child_process";

/** @typedef {{content: string, at: Date}} Said */

/**
 * Every line of input is a message; each becomes a copy of the room's first one, so that columns nobody here knows of
 * are filled as the server fills them. The rest (`seq` without a hole, ids that sort by time) is what the server does.
 */
const WRITE = `
import json, os, sqlite3, sys
database, room = sys.argv[1:]
connection = sqlite3.connect(database, timeout=10)
connection.row_factory = sqlite3.Row
template = dict(connection.execute("SELECT * FROM messages WHERE room_id = ? ORDER BY seq", [bytes.fromhex(room)]).fetchone())
rows = []
for number, line in enumerate(sys.stdin):
    content, at = json.loads(line)
    id = bytearray(at.to_bytes(6, "big") + os.urandom(10))
    id[6], id[8] = 0x70 | id[6] & 0x0F, 0x80 | id[8] & 0x3F
    seq = template["seq"] + number
    rows.append({**template, "id": bytes(id), "seq": seq, "changed_seq": seq, "content": content, "client_id": None,
                 "inserted_at": at * 1000})
names = list(template)
with connection:
    connection.execute("DELETE FROM messages WHERE room_id = ?", [bytes.fromhex(room)])
    connection.executemany(f"INSERT INTO messages ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})", rows)
    connection.execute("UPDATE rooms SET head_seq = ? WHERE id = ?", [rows[-1]["seq"], bytes.fromhex(room)])
`;

/**
 * Gives a room a past: these messages, oldest first, all by `author` and in the place of whatever there was. The server is
 * stopped meanwhile, because it knows its rooms by heart.
 *
 * @param {import("../../../../tests/clients/support/server.mjs").Server} server
 * @param {{id: string}} room
 * @param {{rest: import("../../../../tests/clients/support/rest.mjs").Rest}} author
 * @param {Said[]} messages
 */
export async function writeHistory(server, room, author, messages) {
  await author.rest.send(room.id, "a template");
  await server.halt();
  execFileSync("python3", ["-c", WRITE, `${server.folder}/parlour.db`, room.id.replaceAll("-", "")], {
    input: messages.map(({ content, at }) => JSON.stringify([content, at.getTime()])).join("\n"),
  });
  await server.start();
}
