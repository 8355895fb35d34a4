import { isPassing, retryDelay } from "./errors.js";

/** How often the server hears how far one has read, at most. */
export const READ_MS = 2000;

/** Tells the server how far one has read in a room of one's own. */
export class ReadMark {
  #slug;
  #adapters;
  #call;
  #rooms;
  #told = 0;
  #seen = 0;
  #resting = false;
  #cancelTimer = () => {};

  constructor({ slug, adapters, call, rooms }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#call = call;
    this.#rooms = rooms;
    adapters.onLeave(() => this.#leave());
  }

  /** The message with this number was seen, and all before it. */
  saw(number) {
    const room = this.#rooms.of(this.#slug);
    if (number <= this.#seen) return;
    this.#seen = number;
    if (!room || number <= room.read) return;
    this.#rooms.saw(this.#slug, number);
    this.#tell();
  }

  /** The server has said which rooms are one's own: tell it what was seen in this one. */
  open() {
    const room = this.#rooms.of(this.#slug);
    if (room && this.#seen > room.read) this.#rooms.saw(this.#slug, this.#seen);
    this.#tell();
  }

  /** The connection is gone, and what it was told with it. */
  closed() {
    this.#cancelTimer();
    this.#resting = false;
    this.#told = 0;
  }

  /** The page goes: what was seen last must not wait. */
  #leave() {
    this.#cancelTimer();
    this.#resting = false;
    this.#tell();
  }

  #tell() {
    const number = this.#rooms.of(this.#slug) ? this.#seen : 0;
    if (this.#resting || number <= this.#told) return;
    if (!this.#call("read", { room: this.#slug, message: number }, (answer) => this.#answered(answer, number))) return;
    this.#told = number;
    this.#rest(READ_MS);
  }

  #rest(delay) {
    this.#cancelTimer();
    this.#resting = true;
    this.#cancelTimer = this.#adapters.after(delay, () => {
      this.#resting = false;
      this.#tell();
    });
  }

  #answered({ type, payload }, number) {
    if (type !== "error" || !isPassing(payload) || this.#told !== number) return;
    this.#told = 0;
    this.#rest(Math.max(READ_MS, retryDelay(payload, this.#adapters.random)));
  }
}
