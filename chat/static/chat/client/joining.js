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
  #anew = false;
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

  /** The newest page is on its way, in place of what is held, or will be once connected. */
  get isAnew() {
    return this.#anew;
  }

  /** Join as if nothing were held. */
  joinAnew() {
    if (this.#anew) return;
    this.#anew = true;
    this.join();
  }

  /** Join. One that is asked for while another is under way follows it. */
  join() {
    this.#cancelTimer();
    this.#again = this.#isUnderWay;
    if (this.#isUnderWay) return;
    const anew = this.#anew;
    const answer = (envelope) => {
      this.#isUnderWay = false;
      if (anew && envelope.type !== "error") this.#anew = false;
      this.#answered(envelope);
    };
    const since = anew ? undefined : this.#position.since;
    this.#isUnderWay = this.#call("join", { room: this.#slug, since }, answer);
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
    const { since } = this.#position;
    this.#taken(payload);
    const more = payload.more === true && this.#position.offset > before;
    // Live envelopes were faster than a newest page: what they told is gone with what was held.
    const behind = since?.epoch === this.#position.since?.epoch && this.#position.offset < before;
    if (more || behind || this.#again) this.join();
    else this.#joined(payload);
  }

  #failed(error) {
    this.#refused(sentence(error), isPassing(error), error.code);
    if (!isPassing(error)) return;
    this.#cancelTimer = this.#adapters.after(retryDelay(error, this.#adapters.random), () => this.join());
  }
}
