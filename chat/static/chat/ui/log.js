import { newLine, renewLine } from "./line.js";

/** How many lines the page keeps. */
const MAX_LINES = 500;
/** How many broadcasts with nothing between them it keeps, so that a ticker does not push people's words away. */
const MAX_TICKS = 5;
/** How near to its end, in CSS pixels, a reader counts as following. */
const NEAR = 48;

/** The list of messages. What is new is put in once a frame; the list follows its end only when the reader is there. */
export class Log {
  #list;
  #newer;
  #retry;
  #nodes = new WeakMap();
  #fresh = [];
  #scheduled = false;
  #following = true;

  /** `list` scrolls; `newer` is the button that says that there is more below. */
  constructor({ list, newer, retry }) {
    this.#list = list;
    this.#newer = newer;
    this.#retry = retry;
    list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    newer.addEventListener("click", () => this.follow());
    // A phone's keyboard, a turned screen, a growing composer: the end stays in sight.
    new ResizeObserver(() => this.#following && this.follow()).observe(list);
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
    if (this.#following) this.follow();
  }

  /** Go to the end and stay there. */
  follow() {
    this.#following = true;
    this.#newer.hidden = true;
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
    const items = this.#fresh.slice(-MAX_LINES);
    this.#fresh = [];
    for (const item of items) this.#insert(item);
    this.#trim();
    if (this.#following) this.follow();
    else if (items.length > 0) this.#newer.hidden = false;
  }

  /** What has arrived stands before what is still on its way. */
  #insert(item) {
    const node = newLine(item, this.#retry);
    this.#nodes.set(item, node);
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
    node.remove();
  }

  #trim() {
    while (this.#list.childElementCount > MAX_LINES) this.#list.firstElementChild.remove();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#following) this.#newer.hidden = true;
  }
}
