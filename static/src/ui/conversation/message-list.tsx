import type { Message } from "parlour-client";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Button } from "../button.tsx";
import { useI18n } from "../context.ts";
import { focusedIn } from "../focus.ts";
import { useEmitter, useStable, useVisible } from "../hooks.ts";
import { Icon } from "../icons.tsx";
import { MessageRow } from "./message-row.tsx";
import { moveFocus } from "./move-focus.ts";
import { rowsOf } from "./rows.ts";
import type { Scene } from "./scene.ts";
import { END_PX, ScrollKeeper } from "./scroll.ts";
import type { Timeline } from "./timeline.ts";
import { useJump, type Jump } from "./use-jump.ts";
import { useLongPress } from "./use-long-press.ts";
import { useQuiet } from "./use-quiet.ts";
import { useUnreadFrom } from "./use-unread-from.ts";
import { around, AT_END, earlier, from, later, rangeAt, type Position } from "./window.ts";

interface MessageListProps {
  timeline: Timeline;
  label: string;
  scene: Scene;
  /** The number up to which everything was read when the conversation was opened. */
  readSeq: number | null;
  /** The key of the message that is being changed. */
  editing: string | null;
  jump: Jump | null;
  /** Who has read a message of one's own, in words, by the message's key. */
  seen: { readonly key: string; readonly text: string } | null;
  /** What stands above the first message of all. */
  beginning: ComponentChildren;
  /** Called when somebody sees the last message, or may do so. */
  onSeen?: () => void;
}

/**
 * The messages, of which a part is in the document. Follows its end while that is in view, and keeps its place
 * otherwise, whatever comes before or after.
 */
export function MessageList(props: MessageListProps): JSX.Element {
  const { timeline, label, scene, readSeq, editing, jump, seen, beginning } = props;
  const i18n = useI18n();
  useEmitter(timeline, "change");
  const visible = useVisible();
  const { messages } = timeline;
  const [position, setPosition] = useState<Position>(AT_END);
  const [active, setActive] = useState<string | null>(null);
  const [broken, setBroken] = useState(false);
  const range = rangeAt(messages, position);
  const shown = messages.slice(range.start, range.end);

  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const top = useRef<HTMLDivElement>(null);
  const bottom = useRef<HTMLDivElement>(null);
  const keeper = useRef<ScrollKeeper | null>(null);
  const seenSeq = useRef(0);
  const opened = useRef(false);
  const followed = useRef(false);
  keeper.current?.capture();

  const quiet = useQuiet(shown, position.follows);
  const last = messages.at(-1);
  if (position.follows) seenSeq.current = lastSeq(messages);
  const missed = position.follows ? 0 : countNew(messages, seenSeq.current);
  const before = messages[range.start - 1]?.seq ?? 0;
  const looks = position.follows && visible && scroller.current !== null && inView(scroller.current);
  const lineFrom = useUnreadFrom(readSeq, lastSeq(messages), looks, (from) => countNew(messages, from) > 0);
  // Where unread messages begin is not in this part if they began before it.
  const unreadFrom = lineFrom !== null && before > lineFrom ? null : lineFrom;
  const rows = useMemo(() => rowsOf(shown, unreadFrom), [messages, range.start, range.end, unreadFrom]);

  const settle = useStable(() => {
    const keeps = keeper.current;
    if (!position.follows) keeps?.restore();
    // Where nothing has grown, somebody may be about to scroll away, of which only the next event tells.
    else if (keeps?.resized || !followed.current) keeps?.toEnd();
    followed.current = position.follows;
    keeps?.capture();
  });
  const tellSeen = useStable(() => {
    if (position.follows && visible && scroller.current && inView(scroller.current)) props.onSeen?.();
  });
  const reach = useStable((end: Element) => {
    if (end === bottom.current) {
      if (range.end < messages.length) setPosition(later(messages, range));
    } else if (range.start > 0) {
      setPosition(earlier(messages, range));
    } else if (timeline.hasMore && !timeline.loading && !broken) {
      load();
    }
  });
  const load = (): void => {
    setBroken(false);
    timeline.loadEarlier().catch(() => setBroken(true));
  };

  useLayoutEffect(() => {
    const [view, ol] = [scroller.current, list.current];
    if (!view || !ol) return undefined;
    keeper.current = new ScrollKeeper(view, ol);
    const sizes = new ResizeObserver(() => {
      settle();
      tellSeen();
    });
    sizes.observe(view);
    sizes.observe(ol);
    return () => sizes.disconnect();
  }, []);
  useLayoutEffect(settle);
  useEffect(tellSeen);
  // One's own message is to be seen, wherever one was.
  useLayoutEffect(() => {
    if (last?.own && last.state === "pending") setPosition(AT_END);
  }, [last?.key]);
  // Opened at the first unread message, if there are more than fit.
  useLayoutEffect(() => {
    const unread = list.current?.querySelector(".unread-line");
    if (opened.current || messages.length === 0 || readSeq === null || !scroller.current) return;
    opened.current = true;
    if (!unread || unread.getBoundingClientRect().top >= scroller.current.getBoundingClientRect().top) return;
    seenSeq.current = readSeq;
    setPosition(from(messages, range.start));
    keeper.current?.reveal(unread, 0.2);
  }, [messages, readSeq]);
  useEffect(() => {
    const ends = [top.current, bottom.current].filter((end) => end !== null);
    const observer = new IntersectionObserver(
      (entries) => entries.forEach((entry) => entry.isIntersecting && reach(entry.target)),
      { root: scroller.current, rootMargin: "600px 0px" },
    );
    ends.forEach((end) => observer.observe(end));
    return () => observer.disconnect();
    // An end that stays in view is told of again only by a new observer.
  }, [timeline, range.start, shown[0]?.key, shown.at(-1)?.key, timeline.loading, timeline.hasMore]);
  useJump(jump, timeline, (index) => setPosition(around(timeline.messages, index)), list, keeper);

  const onScroll = (): void => {
    const keeps = keeper.current;
    // What has grown or shrunk in the same moment says nothing of the reader.
    if (!keeps || (position.follows && keeps.resized)) return;
    const follows = keeps.distance < END_PX && range.end === messages.length;
    if (follows !== position.follows) setPosition(follows ? AT_END : from(messages, range.start));
    keeps.capture();
  };
  const pointAt = (target: EventTarget | null): void => {
    const row = target instanceof Element ? target.closest<HTMLElement>("[data-key]") : null;
    setActive(row?.dataset["key"] ?? null);
  };
  const press = useLongPress(pointAt);
  /** Whether what is pointed at stays so, because somebody is about to do something with it. */
  const holds = (): boolean => {
    const focused = list.current && focusedIn(list.current);
    const usesToolbar = focused?.matches(".message-toolbar :focus-visible") ?? false;
    return usesToolbar || list.current?.querySelector(".popover") !== null;
  };

  return (
    <div class="message-list-frame">
      <div
        ref={scroller}
        class="message-list"
        role="log"
        aria-label={label}
        aria-live={quiet || timeline.loading ? "off" : "polite"}
        aria-busy={timeline.loading}
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={moveFocus}
        onFocusIn={(event) => pointAt(event.target)}
        onFocusOut={({ currentTarget, relatedTarget }) => {
          if (relatedTarget instanceof Node && !currentTarget.contains(relatedTarget)) setActive(null);
        }}
        onPointerOver={(event) => event.pointerType === "mouse" && !holds() && pointAt(event.target)}
        onPointerLeave={(event) => event.pointerType === "mouse" && !holds() && setActive(null)}
        {...press}
      >
        <div ref={top} class="message-list-top">
          {!timeline.hasMore && !timeline.loading && range.start === 0 && beginning}
          {timeline.loading && <p class="message-list-loading">{i18n.t("common.loading")}</p>}
          {broken && <Button icon="retry" onClick={load}>{i18n.t("conversation.load_earlier")}</Button>}
        </div>
        <ol ref={list}>
          {rows.map((row) => {
            if (row.type === "day") return <li key={row.key} class="day">{i18n.day(row.date)}</li>;
            if (row.type === "unread") {
              return <li key={row.key} class="unread-line">{i18n.t("conversation.unread")}</li>;
            }
            return (
              <MessageRow
                key={row.key}
                message={row.message}
                first={row.first}
                last={row.last}
                scene={scene}
                active={active === row.key}
                editing={editing === row.key}
                seenBy={seen?.key === row.key ? seen.text : null}
              />
            );
          })}
        </ol>
        <div ref={bottom} />
      </div>
      {!position.follows && (
        <button
          type="button"
          class={missed > 0 ? "message-list-pill" : "message-list-pill message-list-pill-bare"}
          aria-label={missed > 0 ? undefined : i18n.t("conversation.to_end")}
          onClick={() => setPosition(AT_END)}
        >
          {missed > 0 && i18n.t("conversation.new", { count: missed })}
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

/** Whether an element is rendered: a closed panel keeps its views, but nobody sees them. */
function inView(element: HTMLElement): boolean {
  return element.clientHeight > 0 && (element.checkVisibility?.({ visibilityProperty: true }) ?? true);
}

function lastSeq(messages: readonly Message[]): number {
  return messages.findLast((message) => message.seq !== null)?.seq ?? 0;
}

/** How many messages of others came after a number. */
function countNew(messages: readonly Message[], seq: number): number {
  let count = 0;
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message && message.seq !== null && message.seq <= seq) break;
    if (message && message.seq !== null && !message.own) count += 1;
  }
  return count;
}
