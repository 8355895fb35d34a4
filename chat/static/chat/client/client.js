import { Connection } from "./connection.js";
import { sentence } from "./errors.js";
import { Person } from "./person.js";
import { Room } from "./room.js";
import { RoundTrip } from "./roundtrip.js";

/** A page's whole client: one connection, one person, one room. `view` hears what each of them tells, and `status`. */
export class Client {
  #connection;
  #person;
  #room;
  #roundTrip;
  #view;

  constructor({ room, path, adapters, view }) {
    this.#view = view;
    this.#connection = new Connection(adapters, path, this);
    const call = (...words) => this.#connection.call(...words);
    this.#roundTrip = new RoundTrip({ adapters, call, view });
    this.#person = new Person({ adapters, call, view });
    this.#room = new Room({ slug: room, adapters, call, person: this.#person, view });
  }

  start() {
    this.#room.start();
    this.#connection.start();
  }

  /** The room: what it holds, and what one may do in it. */
  get room() {
    return this.#room;
  }

  get you() {
    return this.#person.you;
  }

  rename(name) {
    return this.#person.rename(name);
  }

  /** From the connection. */
  state(state) {
    this.#view.status(state);
  }

  welcome(payload) {
    this.#roundTrip.welcome(); // Before what the server needs its database for.
    this.#person.welcome(payload); // First, so that what waits is sent under the right name.
    this.#room.welcome(payload);
  }

  envelope(envelope) {
    if (envelope.type === "error") this.#view.complaint(sentence(envelope.payload));
    else this.#room.take(envelope);
  }

  closed(end) {
    this.#roundTrip.closed();
    this.#room.closed(end);
  }
}
