import { sentence } from "./errors.js";

/** Messages that one look beyond loads. */
export const PAGE = 50;

/** What lies beyond an end of what is loaded: read by history, one page at a time. */
export class Edge {
  #slug;
  #call;
  #side;
  #ends;
  #take;
  #tell;
  #state = { loading: false, begins: "", error: "" };
  #asked = 0;
  #aside = new Map();

  /**
   * `side` is history's own word, "before" or "after" a number. `take(messages, number)` puts a page to its place;
   * `ends(messages, more, number)` says why nothing lies beyond a page, or ""; `tell({loading, begins, error})` hears the state.
   */
  constructor({ slug, call, side, ends = () => "", take, tell }) {
    this.#slug = slug;
    this.#call = call;
    this.#side = side;
    this.#ends = ends;
    this.#take = take;
    this.#tell = tell;
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

  /** Load the page beyond a number, unless one is on its way. Tell whether it was asked for. */
  load(number) {
    if (this.#state.loading || this.#state.begins) return false;
    const asked = (this.#asked += 1);
    const payload = { room: this.#slug, [this.#side]: number, limit: PAGE };
    const sent = this.#call("history", payload, (answer) => asked === this.#asked && this.#answered(answer, number));
    if (sent) this.#become({ loading: true });
    return sent;
  }

  /** A message that is not loaded has changed: if a page with it is on its way, that may hold its old state. */
  missed(payload) {
    if (this.#state.loading) this.#aside.set(payload.message, { whole: payload, parts: {} });
  }

  /** The same of a message of which only some parts are told. */
  changed({ message, prev, ...parts }) {
    if (!this.#state.loading) return;
    const { whole, parts: before } = this.#aside.get(message) ?? {};
    this.#aside.set(message, { whole, parts: { ...before, ...parts } });
  }

  /** The connection is gone, and the answer with it. */
  closed() {
    this.reset(this.#state.begins);
  }

  #answered({ type, payload }, number) {
    if (type === "error") {
      this.#become({ error: sentence(payload) });
      return;
    }
    // What leads no further would be asked for without end.
    const leads = ({ message }) => (this.#side === "before" ? message < number : message > number);
    const messages = (payload.messages ?? []).filter(leads).map((message) => this.#newer(message));
    this.#aside.clear();
    // First the state: with the messages' place the page may ask for more at once.
    this.#state = { loading: false, begins: this.#ends(messages, payload.more, number), error: "" };
    this.#take(messages, number);
    this.#tell(this.#state);
  }

  #newer(message) {
    const { whole, parts } = this.#aside.get(message.message) ?? {};
    const known = whole?.offset > message.offset ? whole : message;
    return parts?.offset > known.offset ? { ...known, ...parts } : known;
  }

  #become(state) {
    this.#state = { loading: false, begins: "", error: "", ...state };
    this.#tell(this.#state);
  }
}

/** Return what lies before a page: nothing, for one of two reasons, or more. */
export function beginning(messages, more) {
  if (messages[0]?.message === 1) return "room";
  return more && messages.length > 0 ? "" : "kept";
}

/** Return why a page after a number does not begin with the next one: that is kept no more. */
export function missing(messages, _more, number) {
  return messages[0]?.message === number + 1 ? "" : "kept";
}
