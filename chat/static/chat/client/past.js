import { sentence } from "./errors.js";

/** Messages that one look back loads. */
export const PAGE = 50;

/** What lies before the messages that are loaded: read by history, one page at a time. */
export class Past {
  #slug;
  #call;
  #take;
  #view;
  #state = { loading: false, begins: "", error: "" };
  #asked = 0;
  #aside = new Map();

  /** `take(messages, asked, aside)` puts a page to its place; `view` hears `past({loading, begins, error})`. */
  constructor({ slug, call, take, view }) {
    this.#slug = slug;
    this.#call = call;
    this.#take = take;
    this.#view = view;
  }

  get state() {
    return this.#state;
  }

  /** There is more, or not: `begins` says "room" where it begins, "kept" where what is older is kept no more. */
  reset(begins = "") {
    this.#asked += 1;
    this.#aside.clear();
    this.#become({ begins });
  }

  /** Load the page before a number, unless one is on its way. Tell whether it was asked for. */
  load(before) {
    if (this.#state.loading || this.#state.begins) return false;
    const asked = (this.#asked += 1);
    const payload = { room: this.#slug, before, limit: PAGE };
    const sent = this.#call("history", payload, (answer) => asked === this.#asked && this.#answered(answer));
    if (sent) this.#become({ loading: true });
    return sent;
  }

  /** A message that is not loaded has changed: if a page with it is on its way, that may hold its old state. */
  missed(payload) {
    if (this.#state.loading) this.#aside.set(payload.message, payload);
  }

  /** The connection is gone, and the answer with it. */
  closed() {
    this.reset(this.#state.begins);
  }

  #answered({ type, payload }) {
    if (type === "error") {
      this.#become({ error: sentence(payload) });
      return;
    }
    const messages = (payload.messages ?? []).map((message) => this.#newer(message));
    this.#aside.clear();
    // First the state: with the messages' place the page may ask for more at once.
    this.#state = { loading: false, begins: beginning(messages, payload.more), error: "" };
    this.#take(messages);
    this.#view.past(this.#state);
  }

  #newer(message) {
    const other = this.#aside.get(message.message);
    return other && other.offset > message.offset ? other : message;
  }

  #become(state) {
    this.#state = { loading: false, begins: "", error: "", ...state };
    this.#view.past(this.#state);
  }
}

/** Return what lies before a page: nothing, for one of two reasons, or more. */
export function beginning(messages, more) {
  if (messages[0]?.message === 1) return "room";
  return more ? "" : "kept";
}
