/** Between two measurements: often enough to notice a network that changes, too seldom to weigh on it. */
export const EVERY_MS = 20_000;

/** How long an envelope takes to the server and back, measured while the connection is open and the page is seen. */
export class RoundTrip {
  #adapters;
  #call;
  #view;
  #open = false;
  #cancelTimer = null;

  /** `call(type, payload, answer)` is the connection's; `view` hears `roundTrip(ms)`, whole milliseconds. */
  constructor({ adapters, call, view }) {
    this.#adapters = adapters;
    this.#call = call;
    this.#view = view;
    adapters.onVisible(() => this.#measure());
  }

  /** A connection is open. */
  welcome() {
    this.#open = true;
    this.#measure();
  }

  /** The connection is gone. */
  closed() {
    this.#open = false;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Measure now, unless the next time is set already. */
  #measure() {
    if (!this.#open || this.#cancelTimer || !this.#adapters.visible()) return;
    const sentAt = this.#adapters.now();
    this.#call("ping", undefined, ({ type }) => {
      if (type === "pong") this.#view.roundTrip(Math.round(this.#adapters.now() - sentAt));
    });
    this.#cancelTimer = this.#adapters.after(EVERY_MS, () => {
      this.#cancelTimer = null;
      this.#measure();
    });
  }
}
