import { several, t } from "../client/words.js";
import { element } from "./element.js";

/** What came while nobody was looking: how much, and from where on. */
export class Unread {
  #newer;
  #tell;
  #unseen = 0;
  #mark = element("p", "line mark");
  #count = 0;
  #first = null;
  #seen = true;

  /** `newer` is the button that says that there is more below; `tell(count)` hears how much is unseen. */
  constructor({ newer, tell }) {
    this.#newer = newer;
    this.#tell = tell;
    this.#mark.setAttribute("aria-live", "off");
    this.#mark.setAttribute("role", "separator");
    this.#mark.setAttribute("aria-label", t("New messages"));
    this.#mark.append(element("span", "", t("New messages")));
  }

  /** The item that the mark stands before; null where all was seen. */
  get first() {
    return this.#first;
  }

  /** Others' messages came unseen: below what is read, or in a window that is not looked at. */
  came(items, below) {
    if (items.length === 0) return;
    if (this.#seen) this.#first = items[0];
    this.#seen = false;
    this.#unseen += items.length;
    this.#tell(this.#unseen);
    if (!below) return;
    this.#count += items.length;
    this.#newer.textContent = several(this.#count, "{count} new message", "{count} new messages");
    this.#newer.hidden = false;
  }

  /** The end is in sight and looked at. The mark stays where it is, to be found. */
  read() {
    this.#count = 0;
    this.#newer.hidden = true;
    this.#seen = true;
    this.#unseen = 0;
    this.#tell(0);
  }

  /** Who writes has read what is above. */
  forget() {
    this.read();
    this.#first = null;
  }

  /** Put the mark before the line of its item, if there is one. */
  place(nodeOf) {
    const node = this.#first && nodeOf(this.#first);
    if (!node) this.#mark.remove();
    else if (node.previousElementSibling !== this.#mark) node.before(this.#mark);
  }
}
