import type { Message } from "parlour-client";

/** A line of a conversation: a new day, where unread messages begin, or a message. */
export type Row =
  | { readonly type: "day"; readonly key: string; readonly date: Date }
  | { readonly type: "unread"; readonly key: string }
  | {
      readonly type: "message";
      readonly key: string;
      readonly message: Message;
      /** Whether it begins a run of messages of one author, and whether it ends one. */
      readonly first: boolean;
      readonly last: boolean;
    };

/** Messages of one author that follow each other within this many milliseconds are a run. */
export const RUN_GAP_MS = 5 * 60_000;

/**
 * The rows of these messages, in their order. A day begins at midnight of this device's clock and zone. Unread
 * messages begin after `readSeq`, with the first that somebody else wrote; with null nothing is unread.
 */
export function rowsOf(messages: readonly Message[], readSeq: number | null): Row[] {
  const rows: Row[] = [];
  let before: Message | null = null;
  let unreadShown = readSeq === null;
  let run: Extract<Row, { type: "message" }> | null = null;
  for (const message of messages) {
    const isNewDay = before === null || !sameDay(before.insertedAt, message.insertedAt);
    if (isNewDay) rows.push({ type: "day", key: `day ${message.key}`, date: new Date(message.insertedAt) });
    const beginsUnread = !unreadShown && !message.own && message.seq !== null && message.seq > (readSeq ?? 0);
    if (beginsUnread) {
      unreadShown = true;
      rows.push({ type: "unread", key: "unread" });
    }
    const continues: boolean = run !== null && before !== null && !isNewDay && !beginsUnread && isRun(before, message);
    if (continues && run) rows[rows.length - 1] = { ...run, last: false };
    run = { type: "message", key: message.key, message, first: !continues, last: true };
    rows.push(run);
    before = message;
  }
  return rows;
}

function isRun(before: Message, message: Message): boolean {
  const pause = Date.parse(message.insertedAt) - Date.parse(before.insertedAt);
  return before.user.id === message.user.id && pause < RUN_GAP_MS;
}

/** Whether two moments are on one day where this device is. */
export function sameDay(one: string, other: string): boolean {
  const [a, b] = [new Date(one), new Date(other)];
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}
