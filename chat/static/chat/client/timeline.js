/** How many broadcasts with nothing between them are kept, so that a ticker does not push people's words away. */
export const MAX_TICKS = 5;

/**
 * A room's items in their order: messages by number, what has none where it came, what is not sent yet at the end.
 * It holds every message between two numbers; what is older is not loaded, and what is newer need not be.
 */
export class Timeline {
  items = [];
  #byNumber = new Map();
  #floor = 0;
  /** The first number that is not loaded above those that are; infinite where the newest is. */
  #ceiling = Infinity;
  /** The highest number that was heard of. */
  #last = 0;

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

  /** Tell whether a number lies after all that is loaded. */
  isNewer(number) {
    return number >= this.#ceiling;
  }

  /** Whether nothing is newer than what is loaded. */
  get isComplete() {
    return this.#ceiling === Infinity;
  }

  get ceiling() {
    return this.#ceiling;
  }

  /** A message with this number exists. Tell whether it is newer than all that were heard of. */
  heard(number) {
    const isNew = number > this.#last;
    this.#last = Math.max(this.#last, number);
    return isNew;
  }

  /** From this number on every message is loaded. */
  loadedFrom(number) {
    this.#floor = number;
  }

  /** The messages from one number to another are being loaded. Those that do not adjoin them go: there must be no hole between. */
  loaded(from, to) {
    if (to < this.#floor - 1 || from > this.#ceiling) {
      this.#forget();
      this.#floor = from;
      this.#ceiling = from;
    }
    this.#floor = Math.min(this.#floor, from);
    this.#ceiling = Math.max(this.#ceiling, to + 1);
    if (this.#ceiling > this.#last) this.#ceiling = Infinity;
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
    const end = this.sentEnd;
    const first = end - MAX_TICKS - 1;
    if (first < 0) return undefined;
    return this.items.slice(first, end).every(({ kind }) => kind === "broadcast") ? this.items[first] : undefined;
  }

  /** Forget all but what is not sent yet. */
  clear() {
    this.#forget();
    this.#floor = 0;
    this.#ceiling = Infinity;
    this.#last = 0;
  }

  /** Forget so many of the oldest items. Tell whether messages were among them that a log still has. */
  dropOldest(count) {
    const numbers = this.#drop(0, Math.min(count, this.sentEnd));
    if (numbers.length > 0) this.#floor = numbers.at(-1) + 1;
    return numbers.length > 0;
  }

  /** Forget so many of the newest items, but for what is not sent yet. Tell the same. */
  dropNewest(count) {
    const end = this.sentEnd;
    const numbers = this.#drop(Math.max(0, end - count), end);
    if (numbers.length > 0) this.#ceiling = numbers[0];
    return numbers.length > 0;
  }

  #drop(start, end) {
    const gone = this.items.splice(start, Math.max(0, end - start));
    const numbers = gone.map(({ number }) => number).filter((number) => number !== null);
    for (const number of numbers) this.#byNumber.delete(number);
    return numbers;
  }

  #forget() {
    this.items = this.items.slice(this.sentEnd);
    this.#byNumber.clear();
  }

  /** Where what is sent ends and what is not begins. */
  get sentEnd() {
    let end = this.items.length;
    while (end > 0 && isUnsent(this.items[end - 1])) end -= 1;
    return end;
  }

  #spot(number) {
    let spot = this.sentEnd;
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
