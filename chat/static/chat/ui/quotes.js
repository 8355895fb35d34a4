import { later, t } from "../client/words.js";

/** How many pages are loaded to find a message that is quoted. */
const MOST_PAGES = 20;
const TOO_FAR = later("That message is too far back.");
const OFFLINE = later("That message cannot be loaded now.");
const GONE = later("That message is not kept here any more.");

/** Leads from a reply to the message that it answers, loading older ones on the way. */
export class Quotes {
  #room;
  #reveal;
  #say;
  #wanted = null;
  #pages = 0;
  #before = { loading: false, begins: "" };

  /** `reveal(item)` shows a message that is loaded; `say(sentence)` tells why one cannot be shown. */
  constructor({ room, reveal, say }) {
    this.#room = room;
    this.#reveal = reveal;
    this.#say = say;
  }

  goTo(number) {
    this.#wanted = number;
    this.#pages = 0;
    this.#look();
  }

  /** What lies before has changed: {loading, begins, error}. */
  past(state) {
    this.#before = state;
    if (this.#wanted !== null && !state.loading) this.#look(state.error);
  }

  #look(error = "") {
    const item = this.#room.message(this.#wanted);
    if (item) this.#found(item);
    else if (error || this.#before.begins) this.#give(error || t(GONE));
    else if ((this.#pages += 1) > MOST_PAGES) this.#give(t(TOO_FAR));
    else if (!this.#before.loading && !this.#room.older()) this.#give(t(OFFLINE));
  }

  #found(item) {
    this.#wanted = null;
    this.#reveal(item);
  }

  #give(sentence) {
    this.#wanted = null;
    this.#say(sentence);
  }
}
