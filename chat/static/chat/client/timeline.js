/** How many broadcasts with nothing between them are kept, so that a ticker does not push people's words away. */
export const MAX_TICKS = 5;

/**
 * A room's items in their order: messages by number, what has none where it came, what is not sent yet at the end.
 * From its lowest number on it holds every message; what is older is not loaded.
 */
export class Timeline {
  items = [];
  #byNumber = new Map();
  #floor = 0;

  /** Return the message with a number; undefined where it is not loaded. */
  at(number) {
    return this.#byNumber.get(number);
  }

  /** The lowest number that is loaded; null where there is none. */
  get oldest() {
    return this.items.find((item) => item.number !== null)?.number ?? null;
  }

  /** Tell whether a number lies before all that is loaded. */
  isOlder(number) {
    return number < this.#floor;
  }

  /** From this number on every message is loaded. */
  loadedFrom(number) {
    this.#floor = number;
  }

  /** Put an item to its place; one that is there already moves. */
  put(item) {
    const there = this.items.lastIndexOf(item);
    if (there >= 0) this.items.splice(there, 1);
    this.items.splice(isUnsent(item) ? this.items.length : this.#spot(item.number), 0, item);
    if (item.number !== null) this.#byNumber.set(item.number, item);
  }

  /** Remove an item. */
  remove(item) {
    const there = this.items.lastIndexOf(item);
    if (there >= 0) this.items.splice(there, 1);
    if (item.number !== null) this.#byNumber.delete(item.number);
  }

  /** Return the broadcast that is one too many in a row, if there is one. */
  spareTick() {
    const end = this.#sentEnd();
    const first = end - MAX_TICKS - 1;
    if (first < 0) return undefined;
    return this.items.slice(first, end).every(({ kind }) => kind === "broadcast") ? this.items[first] : undefined;
  }

  /** Forget all but what is not sent yet. */
  clear() {
    this.items = this.items.slice(this.#sentEnd());
    this.#byNumber.clear();
    this.#floor = 0;
  }

  /** Forget the oldest items, but for the last `count`. Tell whether messages were among them that a log still has. */
  keepNewest(count) {
    const gone = this.items.splice(0, Math.max(0, Math.min(this.items.length - count, this.#sentEnd())));
    const numbers = gone.map(({ number }) => number).filter((number) => number !== null);
    for (const number of numbers) this.#byNumber.delete(number);
    if (numbers.length === 0) return false;
    this.#floor = numbers.at(-1) + 1;
    return true;
  }

  /** Where what is sent ends and what is not begins. */
  #sentEnd() {
    let end = this.items.length;
    while (end > 0 && isUnsent(this.items[end - 1])) end -= 1;
    return end;
  }

  #spot(number) {
    let spot = this.#sentEnd();
    if (number === null) return spot;
    for (let place = spot - 1; place >= 0; place -= 1) {
      const other = this.items[place].number;
      if (other === null) continue;
      if (other < number) break;
      spot = place;
    }
    return spot;
  }
}

function isUnsent({ kind, state, number }) {
  return kind === "message" && state !== "sent" && number === null;
}
