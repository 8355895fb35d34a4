import { Connection } from "./connection.js";
import { sentence } from "./errors.js";
import { Person } from "./person.js";
import { ReadMark } from "./readmark.js";
import { Room } from "./room.js";
import { Rooms } from "./rooms.js";
import { RoundTrip } from "./roundtrip.js";

/** What is told of one's own rooms, and not of the one that the page shows. */
const OWN = new Set(["you", "room", "unread", "read"]);

/**
 * A page's whole client: one connection, one person and their rooms, one of which it shows. `view` hears what each of them
 * tells, `status`, `role(role)`, which one has in the room from now on ("" for none), and `notice({text, level})`.
 */
export class Client {
  #connection;
  #person;
  #room;
  #rooms;
  #readMark;
  #slug;
  #roundTrip;
  #view;

  constructor({ room, path, adapters, view, rooms }) {
    this.#view = view;
    this.#slug = room;
    const credential = { token: () => this.#person.token, refused: () => this.#person.forget() };
    this.#connection = new Connection(adapters, path, this, credential);
    const call = (...words) => this.#connection.call(...words);
    this.#roundTrip = new RoundTrip({ adapters, call, view });
    this.#person = new Person({ adapters, call, view });
    this.#room = new Room({ slug: room, adapters, call, person: this.#person, view });
    this.#rooms = new Rooms({ rooms, view });
    this.#readMark = new ReadMark({ slug: room, adapters, call, rooms: this.#rooms });
  }

  start() {
    this.#room.start();
    this.#connection.start();
  }

  /** The room: what it holds, and what one may do in it. */
  get room() {
    return this.#room;
  }

  /** The rooms that one is in. */
  get rooms() {
    return this.#rooms;
  }

  /** The newest message is in sight. */
  saw() {
    this.#readMark.saw(this.#room.newest);
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
    const { type, payload } = envelope;
    if (type === "error") this.#view.complaint(sentence(payload));
    else if (type === "notice") this.#view.notice(payload);
    else if (OWN.has(type)) this.#own(envelope);
    else this.#room.take(envelope);
  }

  #own(envelope) {
    const before = this.#rooms.of(this.#slug)?.role ?? "";
    this.#rooms.take(envelope, this.#person.you.id);
    const role = this.#rooms.of(this.#slug)?.role ?? "";
    if (role !== before) this.#view.role(role);
    if (envelope.type === "you" || envelope.type === "room") this.#readMark.open();
  }

  closed(end) {
    this.#roundTrip.closed();
    this.#room.closed(end);
    this.#readMark.closed();
  }
}
