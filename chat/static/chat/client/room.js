import { base64Length, byteLength } from "./envelope.js";
import { isPassing, retryDelay, sentence } from "./errors.js";
import { Outgoing } from "./outgoing.js";

/** Keys of messages already shown: a resent message comes soon, so a bounded memory is enough. */
const MAX_SEEN = 2000;

/**
 * One room: joins it whenever a connection opens, shows what comes, sends what is written.
 * `view` hears `added(item)`, `changed(item)`, `joined({title, topic})`, `refused(sentence)`, `limit(bytes)`. In a volatile
 * room a message's offset is null and every message counts; the same key twice is one message.
 */
export class Room {
  #slug;
  #adapters;
  #call;
  #person;
  #view;
  #outgoing;
  #seen = new Set();
  #cancelTimer = () => {};

  constructor({ slug, adapters, call, person, view }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#call = call;
    this.#person = person;
    this.#view = view;
    const changed = (item) => view.changed(item);
    this.#outgoing = new Outgoing({ slug, adapters, call, changed, rejoin: () => this.#join() });
  }

  /** Send a text, now or once connected. Return why not, or an empty string. */
  write(text) {
    if (text.trim() === "") return "There is nothing to send yet.";
    const size = byteLength(text);
    const most = this.#outgoing.maxBytes;
    if (size > most) return `Too long: ${size} bytes of at most ${most}.`;
    this.#view.added(this.#outgoing.add(text, this.#person.you));
    this.#outgoing.go();
    return "";
  }

  /** Send a failed message again. */
  retry(item) {
    this.#outgoing.retry(item);
  }

  /** A connection is open. */
  welcome({ limits }) {
    const most = limits?.message_bytes;
    this.#outgoing.maxBytes = most > 0 ? most : Infinity;
    this.#view.limit(this.#outgoing.maxBytes);
    this.#join();
  }

  /** The connection is gone. */
  closed(end) {
    this.#cancelTimer();
    this.#outgoing.close(end);
  }

  /** Take an envelope; what concerns another room, or is of a type not known here, is left alone. */
  take({ type, payload }) {
    if (payload.room !== this.#slug) return;
    if (type === "message") this.#message(payload);
    else if (type === "broadcast") this.#broadcast(payload);
    else if (type === "resync") this.#join();
  }

  #join() {
    this.#cancelTimer();
    this.#call("join", { room: this.#slug }, (answer) => this.#answered(answer));
  }

  #answered({ type, payload }) {
    if (type === "error") {
      this.#refused(payload);
      return;
    }
    this.#person.is(payload.you);
    for (const message of payload.messages ?? []) this.#message(message);
    this.#view.joined({ title: words(payload.title), topic: words(payload.topic) });
    this.#outgoing.open();
  }

  #refused(error) {
    this.#view.refused(sentence(error));
    if (!isPassing(error)) {
      this.#outgoing.bar(sentence(error));
      return;
    }
    this.#cancelTimer = this.#adapters.after(retryDelay(error, this.#adapters.random), () => this.#join());
  }

  #message(payload) {
    if (this.#repeated(payload.key)) return;
    const mine = this.#outgoing.settle(payload.key);
    const item = Object.assign(mine ?? {}, itemOf(payload), { own: Boolean(mine) || this.#person.wrote(payload) });
    if (mine) this.#view.changed(item);
    else this.#view.added(item);
  }

  #repeated(key) {
    if (typeof key !== "string") return false;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(this.#seen.values().next().value);
    return false;
  }

  #broadcast({ name, text, at }) {
    this.#view.added({ kind: "broadcast", name: words(name), text: words(text), at: words(at) });
  }
}

/** Return a message envelope's payload as what is shown; a binary message has `bytes`, the number of them. */
function itemOf({ author, text, data, at, key }) {
  return {
    kind: "message",
    key: key ?? null,
    author: { id: words(author?.id), name: words(author?.name), kind: words(author?.kind) },
    text: words(text),
    bytes: typeof data === "string" ? base64Length(data) : null,
    at: words(at),
    state: "sent",
    error: "",
    again: false,
  };
}

function words(value) {
  return typeof value === "string" ? value : "";
}
