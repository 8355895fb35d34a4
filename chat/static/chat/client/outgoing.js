import { byteLength, wellFormed } from "./envelope.js";
import { isPassing, retryDelay, sentence } from "./errors.js";
import { newKey } from "./key.js";

/** How many messages are remembered until their envelope comes; a lost one must not be remembered for ever. */
const MAX_UNSEEN = 1000;

/**
 * One's own messages on their way: in order, one in flight, each kept until its ack or its envelope comes back.
 * An item is {kind, key, author, text, bytes, at, own, state: "waiting" | "sending" | "sent" | "failed", error, again}.
 */
export class Outgoing {
  /** The server's limit for one message (`limits.message_bytes`); unknown before the first welcome. */
  maxBytes = Infinity;
  #slug;
  #adapters;
  #call;
  #changed;
  #rejoin;
  #queue = [];
  #unseen = new Map();
  #flying = null;
  #ready = false;
  #barred = "";
  #cancelTimer = () => {};

  /** `call(type, payload, answer)` is the connection's; `changed(item)` tells of an item's new state; `rejoin()` joins. */
  constructor({ slug, adapters, call, changed, rejoin }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#call = call;
    this.#changed = changed;
    this.#rejoin = rejoin;
  }

  /** Return a new item, which waits for `go`. */
  add(text, author) {
    const item = {
      kind: "message",
      key: newKey(this.#adapters.randomBytes),
      author,
      text: wellFormed(text),
      bytes: null,
      at: this.#adapters.date().toISOString(),
      own: true,
      state: "waiting",
      error: "",
      again: false,
      rejoined: false,
    };
    this.#queue.push(item);
    this.#remember(item);
    return item;
  }

  /** Put a failed item at the end of the queue again, under the same key: it may have been stored after all. */
  retry(item) {
    if (item.state !== "failed" || !item.again) return;
    this.#queue.push(item);
    this.#remember(item);
    this.#become(item, "waiting");
    this.go();
  }

  /** Send what waits, if the room is joined and nothing is in flight. */
  go() {
    if (this.#barred && !this.#flying && this.#queue.length > 0) this.#fail(this.#queue[0], this.#barred, true);
    if (!this.#ready || this.#flying || this.#queue.length === 0) return;
    const item = this.#queue[0];
    const size = byteLength(item.text);
    if (size > this.maxBytes) {
      this.#fail(item, `Too long: ${size} bytes of at most ${this.maxBytes}.`, false);
      return;
    }
    this.#send(item);
  }

  /** The room is joined. */
  open() {
    this.#ready = true;
    this.#barred = "";
    this.#calm();
    this.go();
  }

  /** The room lets nobody in, for a reason that does not pass by itself: nothing waits for it. */
  bar(why) {
    this.#ready = false;
    this.#barred = why;
    this.go();
  }

  /** The connection is gone; where it ended because of what was sent, that is not sent again. */
  close({ resend, says }) {
    const item = this.#flying;
    this.#ready = false;
    this.#barred = "";
    this.#flying = null;
    this.#calm();
    if (!item) return;
    if (resend) this.#become(item, "waiting");
    else this.#fail(item, `Not sent again: ${says}.`, false);
  }

  /** Return the item that an envelope's key belongs to, settled; undefined where it is nobody's here. */
  settle(key) {
    const item = this.#unseen.get(key);
    if (!item) return undefined;
    this.#unseen.delete(key);
    this.#done(item);
    return item;
  }

  #send(item) {
    this.#flying = item;
    this.#become(item, "sending");
    const payload = { room: this.#slug, text: item.text, key: item.key };
    if (this.#call("send", payload, (answer) => this.#answered(item, answer))) return;
    this.#flying = null;
    this.#become(item, "waiting");
  }

  #answered(item, { type, payload }) {
    if (item !== this.#flying) return; // Its envelope was faster.
    if (type === "ack") this.#acked(item, payload);
    else if (isPassing(payload)) this.#later(item, payload);
    else if (payload.code === "not_joined" && !item.rejoined) this.#unjoined(item);
    else this.#fail(item, sentence(payload), true);
  }

  #acked(item, { at }) {
    if (typeof at === "string") item.at = at;
    this.#done(item);
  }

  #done(item) {
    this.#take(item);
    this.#become(item, "sent");
    this.go();
  }

  #later(item, error) {
    this.#hold(item, sentence(error));
    this.#cancelTimer = this.#adapters.after(retryDelay(error, this.#adapters.random), () => this.open());
  }

  /** The server knows nothing of our join: join once more, which opens the queue again. */
  #unjoined(item) {
    item.rejoined = true;
    this.#hold(item, "");
    this.#rejoin();
  }

  #hold(item, why) {
    this.#flying = null;
    this.#ready = false;
    this.#become(item, "waiting", why);
  }

  #fail(item, error, again) {
    item.again = again;
    this.#take(item);
    this.#become(item, "failed", error);
    this.go();
  }

  #take(item) {
    if (item === this.#flying) this.#flying = null;
    this.#queue = this.#queue.filter((other) => other !== item);
  }

  #become(item, state, error = "") {
    item.state = state;
    item.error = error;
    this.#changed(item);
  }

  #remember(item) {
    this.#unseen.set(item.key, item);
    if (this.#unseen.size <= MAX_UNSEEN) return;
    for (const [key, old] of this.#unseen) {
      if (old.state === "waiting" || old.state === "sending") continue;
      this.#unseen.delete(key);
      return;
    }
  }

  #calm() {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
  }
}
