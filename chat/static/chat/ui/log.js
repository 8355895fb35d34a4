import { anchorOf, inPlace, restore } from "./anchor.js";
import { arrange } from "./arrange.js";
import { Foot } from "./foot.js";
import { Head } from "./head.js";
import { MAX_HELD, MAX_LINES, STEP_LINES } from "./sizes.js";
import { Unread } from "./unread.js";

/** How near to its end, in CSS pixels, a reader counts as following; how near to an edge more is fetched. */
const NEAR = 48;
const REACH = 800;
/** A clock may be set and a computer may sleep, so midnight is looked for, not only waited for. */
const DAY_LOOK_MS = 60_000;

/**
 * The list of messages: a window on the room's items. What is new is put in once a frame; the list follows its end only
 * when the reader is there.
 */
export class Log {
  #list;
  #lines;
  #room;
  #adapters;
  #days;
  #head;
  #foot;
  #unread;
  #nodes = new Map();
  #items = new WeakMap();
  #fresh = [];
  #stale = new Set();
  #scheduled = false;
  #following = true;
  #top = null;
  #anchor = null;
  #today = "";

  /**
   * `list` scrolls; `newer` is the button that says that there is more below; `days` are the reader's;
   * `unseen(count)` hears how many messages came unseen: 0 whenever the newest is in sight.
   */
  constructor({ list, newer, lines, room, adapters, days, unseen }) {
    this.#list = list;
    this.#lines = lines;
    this.#room = room;
    this.#adapters = adapters;
    this.#days = days;
    this.#head = new Head({ again: () => room.older() });
    this.#foot = new Foot({ again: () => room.newer(), toNewest: () => this.#toNewer() });
    this.#unread = new Unread({ newer, tell: unseen });
    list.append(this.#head.node);
    list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    list.addEventListener("keydown", (event) => this.#pressed(event));
    newer.addEventListener("click", () => this.#toNewer());
    // A phone's keyboard, a turned screen, a growing composer: the end stays in sight, or what is read does.
    new ResizeObserver(() => (this.#following ? this.follow() : restore(list, this.#anchor))).observe(list);
    adapters.onVisible(() => this.#seen());
    this.#watchDay();
  }

  /** Show a new item. */
  added(item) {
    if (!item.past) this.#fresh.push(item);
    if (item.kind === "message") this.#stale.add(item.number);
    if (item.own && item.state !== "sent") {
      this.#following = true;
      this.#room.toNewest();
      this.#unread.forget();
    }
    this.#schedule();
  }

  /** A new message came that is not held: only counted. */
  missed(item) {
    this.#fresh.push(item);
    this.#schedule();
  }

  /** Show an item's present state. */
  changed(item) {
    this.#stale.add(item).add(item.number);
    this.#schedule();
  }

  removed() {
    this.#schedule();
  }

  /** All but what is not sent yet is gone; what comes is the newest of this log, or of another one. */
  cleared(isAnother) {
    this.#fresh = [];
    this.#following = true;
    if (isAnother) this.#unread.forget();
    this.#schedule();
  }

  /** Tell what lies before the first item: {loading, begins, error}. */
  past(state) {
    this.#head.past(state);
    this.#schedule();
  }

  /** Tell what lies after the last item that is held: {loading, error}. */
  later(state) {
    this.#foot.later(state);
    this.#schedule();
  }

  /** Who one is has changed: what depends on it is shown anew. */
  renewAll() {
    for (const item of this.#nodes.keys()) this.#stale.add(item);
    this.#schedule();
  }

  /** Go to the end and stay there. */
  follow() {
    this.#following = true;
    if (this.#adapters.visible() && this.#room.isComplete) this.#unread.read();
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** Return the item that a line shows. */
  itemOf(node) {
    return this.#items.get(node);
  }

  /** Show a message that is loaded; return its line. */
  reveal(item) {
    const { start, end } = this.#window();
    const place = this.#room.items.indexOf(item);
    this.#following = false;
    const isThere = place >= start && place < end;
    this.#top = this.#room.items[isThere ? start : Math.max(0, place - STEP_LINES)];
    this.#put();
    const node = this.#nodes.get(item);
    node?.scrollIntoView({ block: "center" });
    return node;
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = () => {
      this.#scheduled = false;
      this.#flush();
    };
    // A page in the background draws no frames.
    if (this.#adapters.visible()) requestAnimationFrame(run);
    else setTimeout(run, 0);
  }

  #flush() {
    const unseen = this.#fresh.filter((item) => item.kind === "message" && !item.own);
    this.#fresh = [];
    if (this.#following) this.#room.keepNewest(MAX_LINES);
    else this.#room.keepAround(MAX_HELD, this.#window());
    if (!this.#following || !this.#adapters.visible()) this.#unread.came(unseen, !this.#following);
    if (this.#following) {
      this.#put();
      this.follow();
    } else inPlace(this.#list, () => this.#put());
    this.#reach();
  }

  /** The part of the items that the page shows: the last ones, or those from where somebody reads on. */
  #window() {
    const { length } = this.#room.items;
    if (this.#following || this.#top === null) return { start: Math.max(0, length - MAX_LINES), end: length };
    const start = Math.max(0, this.#room.items.indexOf(this.#top));
    return { start, end: Math.min(length, start + MAX_LINES) };
  }

  #put() {
    const { start, end } = this.#window();
    const wanted = this.#room.items.slice(start, end);
    this.#remove(new Set(wanted));
    let next = this.#head.node.nextElementSibling;
    for (const item of wanted) {
      while (next && !this.#items.has(next)) next = next.nextElementSibling;
      const node = this.#nodes.get(item) ?? this.#create(item);
      if (node === next) next = next.nextElementSibling;
      else this.#list.insertBefore(node, next);
    }
    this.#renew(wanted);
    this.#head.show(start === 0 && wanted.length > 0);
    this.#foot.show(this.#isApart(end), this.#list, this.#nodes.get(this.#room.items[this.#room.sentEnd]));
    this.#arrange();
  }

  /** Whether newer messages are missing where the page ends. */
  #isApart(end) {
    return !this.#room.isComplete && end >= this.#room.sentEnd;
  }

  #create(item) {
    const node = this.#lines.create(item);
    this.#nodes.set(item, node);
    this.#items.set(node, item);
    return node;
  }

  #remove(wanted) {
    for (const [item, node] of this.#nodes) {
      if (wanted.has(item)) continue;
      this.#nodes.delete(item);
      node.remove();
    }
  }

  /** Renew what has changed, and what quotes it. */
  #renew(wanted) {
    const isStale = (item) => this.#stale.has(item) || (item.kind === "message" && item.replyTo !== null && this.#stale.has(item.replyTo));
    if (this.#stale.size > 0) for (const item of wanted.filter(isStale)) this.#lines.renew(this.#nodes.get(item), item);
    this.#stale.clear();
  }

  /** Fetch more where the reader comes near to an edge of what is there. What has failed waits to be asked for. */
  #reach() {
    const { start, end } = this.#window();
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    const below = scrollHeight - scrollTop - clientHeight < REACH;
    if (scrollTop < REACH && start === 0) this.#older();
    else if (scrollTop < REACH && !this.#following) this.#move(start - STEP_LINES);
    else if (below && end < this.#room.items.length) this.#move(start + STEP_LINES);
    if (below && this.#isApart(end) && !this.#foot.failed) this.#room.newer();
  }

  /** Who follows the end would lose at once what is over the lines that are kept. */
  #older() {
    const isFull = this.#following && this.#room.items.length >= MAX_LINES;
    if (!isFull && !this.#head.failed) this.#room.older();
  }

  #move(start) {
    this.#following = false;
    this.#top = this.#room.items[Math.max(0, start)];
    this.#schedule();
  }

  #arrange() {
    const now = this.#adapters.date();
    this.#today = this.#days.of(now);
    arrange(this.#list, (node) => this.#items.get(node), now, this.#days, this.#held(this.#unread.first));
    this.#unread.place((item) => this.#nodes.get(this.#held(item)));
  }

  /** Return an item as it is held now: it may have been let go and loaded again. */
  #held(item) {
    return (item?.number && this.#room.message(item.number)) || item;
  }

  #watchDay() {
    this.#lookAtDay();
    this.#adapters.after(Math.min(DAY_LOOK_MS, this.#days.untilTomorrow(this.#adapters.date())), () => this.#watchDay());
  }

  #lookAtDay() {
    if (this.#days.of(this.#adapters.date()) !== this.#today) this.#arrange();
  }

  /** The list's own end is that of the window only. */
  #pressed(event) {
    if (event.key !== "End" || event.target !== this.#list || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#toNewer();
  }

  /** The button vanishes under the keyboard's focus: the list, where one goes, takes it. */
  #toNewer() {
    this.#following = true;
    this.#room.toNewest();
    this.#flush();
    this.#list.focus({ preventScroll: true });
  }

  /** Somebody looks again. */
  #seen() {
    this.#lookAtDay();
    if (this.#following && this.#room.isComplete) this.#unread.read();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    const { start, end } = this.#window();
    const isLast = end === this.#room.items.length && this.#room.isComplete;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR && isLast;
    if (this.#following && !atEnd) this.#top = this.#room.items[start] ?? null;
    this.#following = atEnd;
    if (atEnd && this.#adapters.visible()) this.#unread.read();
    this.#anchor = anchorOf(this.#list);
    this.#reach();
  }
}
