import { byteLength, wellFormed } from "./envelope.js";
import { isPassing, retryDelay, sentence } from "./errors.js";
import { newItem } from "./item.js";
import { newKey } from "./key.js";
import { isOffset } from "./position.js";
import { t } from "./words.js";

/** How many messages are remembered until their envelope comes; a lost one must not be remembered for ever. */
const MAX_UNSEEN = 1000;

/** One's own messages on their way: in order, one in flight, each kept until its ack or its envelope comes back. */
export class Outgoing {
  /** The server's limit for one message (`limits.message_bytes`); unknown before the first welcome. */
  maxBytes = Infinity;
  #slug;
  #adapters;
  #call;
  #person;
  #unsent;
  #changed;
  #numbered;
  #rejoin;
  #queue = [];
  #failed = [];
  #unseen = new Map();
  #flying = null;
  #ready = false;
  #barred = "";
  #cancelTimer = () => {};

  /**
   * `call(type, payload, answer)` is the connection's; `changed(item)` tells of an item's new state, `numbered(item, number)`
   * which number it has in the log; `rejoin()` joins; `unsent` keeps over a reload what is not sent yet.
   */
  constructor({ slug, adapters, call, person, unsent, changed, numbered, rejoin }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#call = call;
    this.#person = person;
    this.#unsent = unsent;
    this.#changed = changed;
    this.#numbered = numbered;
    this.#rejoin = rejoin;
  }

  /** Return a new item, which waits for `go`. */
  add(text, replyTo) {
    const item = this.#mine({
      key: newKey(this.#adapters.randomBytes),
      author: this.#person.you,
      text: wellFormed(text),
      at: this.#adapters.date().toISOString(),
      replyTo,
      state: "waiting",
    });
    this.#queue.push(item);
    this.#keep();
    return item;
  }

  /** Return the item of a record that was kept: it waits for `go`, or has failed. */
  restore({ key, author, text, at, replyTo, error }) {
    const state = error ? "failed" : "waiting";
    const item = this.#mine({ key, author, text, at, replyTo: replyTo ?? null, state, error: error ?? "", again: true });
    (error ? this.#failed : this.#queue).push(item);
    this.#keep();
    return item;
  }

  /** Tell whether something with this key is on its way, or was, from here. */
  knows(key) {
    return this.#unseen.has(key);
  }

  /** Put a failed item at the end of the queue again, under the same key: it may have been stored after all. */
  retry(item) {
    if (item.state !== "failed" || !item.again) return;
    this.#failed = this.#failed.filter((other) => other !== item);
    // Whoever asks for it now is its author.
    item.author = this.#person.you;
    this.#queue.push(item);
    this.#remember(item);
    this.#become(item, "waiting");
    this.#keep();
    this.go();
  }

  /** Forget an item that is not sent and not in flight. Tell whether that was so. */
  discard(item) {
    if (item === this.#flying || item.state === "sent") return false;
    this.#take(item);
    this.#unseen.delete(item.key);
    this.#keep();
    return true;
  }

  /** Send what waits, if the room is joined and nothing is in flight. */
  go() {
    if (this.#barred && !this.#flying && this.#queue.length > 0) this.#fail(this.#queue[0], this.#barred, true);
    if (!this.#ready || this.#flying || this.#queue.length === 0) return;
    const item = this.#queue[0];
    const size = byteLength(item.text);
    if (size > this.maxBytes) {
      this.#fail(item, t("Too long: {size} bytes of at most {most}.", { size, most: this.maxBytes }), false);
    } else if (!this.#person.mayBe(item.author)) {
      this.#fail(item, t("Written as {name}.", { name: item.author.name || t("somebody else") }), true);
    } else this.#send(item);
  }

  /** The room is joined. */
  open() {
    this.#ready = true;
    this.#barred = "";
    this.#calm();
    this.go();
  }

  /** Send nothing more until the room is joined again. */
  pause() {
    this.#ready = false;
    this.#calm();
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
    else this.#fail(item, t("Not sent again: {cause}.", { cause: says }), false);
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
    if (item.replyTo !== null) payload.reply_to = item.replyTo;
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

  #acked(item, { at, message, offset }) {
    if (typeof at === "string") item.at = at;
    this.#done(item, isOffset(offset) && Number.isSafeInteger(message) ? message : null);
  }

  #done(item, number = null) {
    this.#take(item);
    item.state = "sent";
    if (number !== null) this.#numbered(item, number);
    this.#become(item, "sent");
    this.#keep();
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
    this.#failed.push(item);
    this.#become(item, "failed", error);
    this.#keep();
    this.go();
  }

  #take(item) {
    if (item === this.#flying) this.#flying = null;
    this.#queue = this.#queue.filter((other) => other !== item);
    this.#failed = this.#failed.filter((other) => other !== item);
  }

  #mine(fields) {
    const item = newItem({ ...fields, own: true, rejoined: false });
    this.#remember(item);
    return item;
  }

  #keep() {
    this.#unsent.keep([...this.#queue, ...this.#failed].map(recordOf));
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

/** Return what is needed to send an item again, after a reload too. */
function recordOf({ key, author, text, at, replyTo, state, error }) {
  return { key, author, text, at, replyTo, ...(state === "failed" ? { error } : {}) };
}
