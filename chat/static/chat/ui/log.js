import { arrange } from "./arrange.js";
import { dayOf, untilTomorrow } from "./day.js";
import { newLine, renewLine } from "./line.js";

/** How many lines the page keeps; while somebody reads back, so many that what is read does not vanish under the eyes. */
const MAX_LINES = 500;
const MAX_LINES_READING = 2000;
/** How many broadcasts with nothing between them it keeps, so that a ticker does not push people's words away. */
const MAX_TICKS = 5;
/** How near to its end, in CSS pixels, a reader counts as following. */
const NEAR = 48;
/** A clock may be set and a computer may sleep, so midnight is looked for, not only waited for. */
const DAY_LOOK_MS = 60_000;

/** The list of messages. What is new is put in once a frame; the list follows its end only when the reader is there. */
export class Log {
  #list;
  #newer;
  #retry;
  #adapters;
  #locale;
  #nodes = new WeakMap();
  #items = new WeakMap();
  #fresh = [];
  #lines = 0;
  #unread = 0;
  #scheduled = false;
  #following = true;
  #today = "";

  /** `list` scrolls; `newer` is the button that says that there is more below; `locale` is for the names of days. */
  constructor({ list, newer, retry, adapters, locale }) {
    this.#list = list;
    this.#newer = newer;
    this.#retry = retry;
    this.#adapters = adapters;
    this.#locale = locale;
    list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    newer.addEventListener("click", () => this.#toNewer());
    // A phone's keyboard, a turned screen, a growing composer: the end stays in sight.
    new ResizeObserver(() => this.#following && this.follow()).observe(list);
    adapters.onVisible(() => this.#lookAtDay());
    this.#watchDay();
  }

  /** Show a new item. */
  add(item) {
    this.#fresh.push(item);
    if (item.own) this.#following = true;
    if (this.#fresh.length > 2 * MAX_LINES) this.#flush();
    else this.#schedule();
  }

  /** Show an item's present state; one that waits again goes to the end. */
  renew(item) {
    const node = this.#nodes.get(item);
    if (!node) return;
    const failed = node.classList.contains("failed");
    renewLine(node, item);
    if (failed && item.state === "waiting") this.#list.append(node);
    this.#schedule();
  }

  /** Go to the end and stay there. */
  follow() {
    this.#following = true;
    this.#read();
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = () => {
      this.#scheduled = false;
      this.#flush();
    };
    // A page in the background draws no frames.
    if (document.hidden) setTimeout(run, 0);
    else requestAnimationFrame(run);
  }

  #flush() {
    const items = this.#fresh.slice(-this.#most);
    this.#fresh = [];
    if (this.#following) {
      this.#put(items);
      this.follow();
    } else {
      this.#inPlace(() => this.#put(items));
      this.#tell(items.filter((item) => item.kind === "message").length);
    }
  }

  #put(items) {
    for (const item of items) this.#insert(item);
    this.#trim();
    this.#arrange();
  }

  /** Change the list and leave what is being read where it stands, in browsers without scroll anchoring too. */
  #inPlace(change) {
    const top = this.#list.getBoundingClientRect().top;
    const anchor = [...this.#list.children].find((node) => node.getBoundingClientRect().bottom > top);
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (!anchor?.isConnected) return;
    const moved = anchor.getBoundingClientRect().top - before;
    if (moved !== 0) this.#list.scrollTop += moved;
  }

  #tell(count) {
    this.#unread += count;
    if (this.#unread === 0) return;
    this.#newer.textContent = this.#unread === 1 ? "1 new message" : `${this.#unread} new messages`;
    this.#newer.hidden = false;
  }

  #read() {
    this.#unread = 0;
    this.#newer.hidden = true;
  }

  /** The button vanishes under the keyboard's focus: the list, where one goes, takes it. */
  #toNewer() {
    this.follow();
    this.#list.focus({ preventScroll: true });
  }

  /** What has arrived stands before what is still on its way. */
  #insert(item) {
    const node = newLine(item, this.#retry);
    this.#nodes.set(item, node);
    this.#items.set(node, item);
    this.#lines += 1;
    const onItsWay = item.state === "waiting" || item.state === "sending";
    this.#list.insertBefore(node, onItsWay ? null : this.#list.querySelector(".waiting, .sending"));
    if (item.kind === "broadcast") this.#trimTicks(node);
  }

  #trimTicks(newest) {
    let node = newest;
    for (let kept = 0; kept < MAX_TICKS; kept += 1) {
      node = node.previousElementSibling;
      if (!node?.classList.contains("broadcast")) return;
    }
    this.#remove(node);
  }

  get #most() {
    return this.#following ? MAX_LINES : MAX_LINES_READING;
  }

  #trim() {
    while (this.#lines > this.#most) this.#remove(this.#list.firstElementChild);
  }

  /** Remove a line; day lines, which `arrange` sees to, do not count. */
  #remove(node) {
    if (this.#items.has(node)) this.#lines -= 1;
    node.remove();
  }

  #arrange() {
    const now = this.#adapters.date();
    this.#today = dayOf(now);
    arrange(this.#list, (node) => this.#items.get(node), now, this.#locale);
  }

  #watchDay() {
    this.#lookAtDay();
    this.#adapters.after(Math.min(DAY_LOOK_MS, untilTomorrow(this.#adapters.date())), () => this.#watchDay());
  }

  #lookAtDay() {
    if (dayOf(this.#adapters.date()) !== this.#today) this.#arrange();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#following) this.#read();
  }
}
