import { later, t } from "../client/words.js";

const OFFLINE = later("That message cannot be loaded now.");
const GONE = later("That message is not kept here any more.");

/** Leads from a reply to the message that it answers, which is loaded where it is not. */
export class Quotes {
  #room;
  #reveal;
  #say;
  #wanted = null;

  /** `reveal(item)` shows a message that is loaded; `say(sentence)` tells why one cannot be shown. */
  constructor({ room, reveal, say }) {
    this.#room = room;
    this.#reveal = reveal;
    this.#say = say;
  }

  goTo(number) {
    this.#wanted = null;
    const asked = this.#room.seek(number);
    const item = this.#room.message(number);
    if (item) this.#reveal(item);
    else if (asked) this.#wanted = number;
    else this.#say(t(OFFLINE));
  }

  /** What is sought has come, or not: {loading, begins, error}. */
  sought({ loading, begins, error }) {
    if (this.#wanted === null || loading) return;
    const item = this.#room.message(this.#wanted);
    this.#wanted = null;
    if (item) this.#reveal(item);
    else this.#say(error || t(begins ? GONE : OFFLINE));
  }
}
