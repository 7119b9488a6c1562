import { parseAttachment, type Attachment } from "./attachment.js";
import { asFields, asList, asText } from "./fields.js";
import type { QueuedMessage, QueueStorage } from "./options.js";

const STORE = "messages";

/**
 * Keeps messages that wait to be sent in the browser's IndexedDB, so that they survive a reload:
 * `new Parlour({ …, storage: indexedDbQueue() })`.
 *
 * To be used for people who have signed in, and agreed. Texts lie there as they are until they are sent. Where the
 * browser has no such database, or allows none, nothing is kept, and nothing fails.
 *
 * @param name - of the database
 */
export function indexedDbQueue(name = "parlour-queue"): QueueStorage {
  let opened: Promise<IDBDatabase> | null = null;
  const store = async (mode: IDBTransactionMode): Promise<IDBObjectStore> => {
    opened ??= open(name);
    return (await opened).transaction(STORE, mode).objectStore(STORE);
  };
  return {
    async load(owner) {
      return asList(await done((await store("readonly")).index("owner").getAll(owner)), parseRow);
    },
    async add(owner, message) {
      await done((await store("readwrite")).put({ owner, clientId: message.clientId, message }));
    },
    async remove(owner, clientId) {
      const messages = await store("readwrite");
      const key = await done(messages.index("message").getKey([owner, clientId]));
      if (key !== undefined) await done(messages.delete(key));
    },
  };
}

/** A row, which another version of this library may have written. */
function parseRow(row: unknown): QueuedMessage | undefined {
  const message = asFields(asFields(row)?.["message"]);
  const clientId = asText(message?.["clientId"]);
  const roomId = asText(message?.["roomId"]);
  const content = asText(message?.["content"]);
  const insertedAt = asText(message?.["insertedAt"]);
  if (clientId === undefined || roomId === undefined || content === undefined || insertedAt === undefined) {
    return undefined;
  }
  return {
    clientId,
    roomId,
    content,
    insertedAt,
    replyTo: asText(message?.["replyTo"]) ?? null,
    threadRoot: asText(message?.["threadRoot"]) ?? null,
    alsoInRoom: message?.["alsoInRoom"] === true,
    attachments: asList(message?.["attachments"], parseKept),
  };
}

function parseKept(value: unknown): Attachment | undefined {
  const { mediaType, ...fields } = asFields(value) ?? {};
  return parseAttachment({ ...fields, media_type: mediaType });
}

async function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    // Numbers that count up keep the order of sending.
    const store = request.result.createObjectStore(STORE, { autoIncrement: true });
    store.createIndex("owner", "owner");
    store.createIndex("message", ["owner", "clientId"], { unique: true });
  };
  const database = await done(request);
  // Somebody deletes it, as when the user signs out; an open connection would be in the way.
  database.onversionchange = () => database.close();
  return database;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
