import { isPassing, retryDelay, sentence } from "./errors.js";

/** Joins a room, from one's position on, for as long as its answers are not all that has passed. */
export class Joining {
  #slug;
  #adapters;
  #call;
  #position;
  #taken;
  #joined;
  #refused;
  #isUnderWay = false;
  #again = false;
  #cancelTimer = () => {};

  /**
   * `taken(payload)` takes an answer, which moves the `position`; `joined(payload)` hears of the last one; `refused(sentence,
   * passing, code)` why there is none: a passing refusal is asked about again by itself.
   */
  constructor({ slug, adapters, call, position, taken, joined, refused }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#call = call;
    this.#position = position;
    this.#taken = taken;
    this.#joined = joined;
    this.#refused = refused;
  }

  /** What passed since the last join will come with an answer. */
  get isUnderWay() {
    return this.#isUnderWay;
  }

  /** Join. One that is asked for while another is under way follows it. */
  join() {
    this.#cancelTimer();
    this.#again = this.#isUnderWay;
    if (this.#isUnderWay) return;
    const answer = (envelope) => {
      this.#isUnderWay = false;
      this.#answered(envelope);
    };
    this.#isUnderWay = this.#call("join", { room: this.#slug, since: this.#position.since }, answer);
  }

  /** The connection is gone, and the answer with it. */
  closed() {
    this.#cancelTimer();
    this.#isUnderWay = false;
  }

  #answered({ type, payload }) {
    if (type === "error") {
      this.#failed(payload);
      return;
    }
    const before = this.#position.offset;
    this.#taken(payload);
    const more = payload.more === true && this.#position.offset > before;
    if (more || this.#again) this.join();
    else this.#joined(payload);
  }

  #failed(error) {
    this.#refused(sentence(error), isPassing(error), error.code);
    if (!isPassing(error)) return;
    this.#cancelTimer = this.#adapters.after(retryDelay(error, this.#adapters.random), () => this.join());
  }
}
