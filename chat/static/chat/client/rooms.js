import { words } from "./item.js";

const collator = new Intl.Collator(undefined, { sensitivity: "base", numeric: true });

/**
 * The rooms that one is in: {room, title, kind, role, last, read, mentions, archived, unread}, by title, archived ones last.
 * What the server tells of them is present state: whoever comes back is told all of it again.
 */
export class Rooms {
  #rooms = new Map();
  #view;

  /** `rooms` is what the page came with; `view` hears `rooms(list)`. */
  constructor({ rooms = [], view }) {
    this.#view = view;
    this.#hold(rooms);
  }

  get list() {
    const byTitle = (one, other) => one.archived - other.archived || collator.compare(one.title, other.title);
    return [...this.#rooms.values()].sort(byTitle);
  }

  /** All that is unread. */
  get unread() {
    return this.list.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Return a room of one's own; undefined where one is not in it. */
  of(slug) {
    return this.#rooms.get(slug);
  }

  /** Take an envelope of one's own stream. `you` is one's id. */
  take({ type, payload }, you) {
    if (type === "you") this.#hold(Array.isArray(payload.rooms) ? payload.rooms : []);
    else if (type === "room") this.#changed(payload);
    else if (type === "unread") this.#move(payload.room, { last: payload.last, mentions: payload.mentions });
    else if (type === "read" && payload.user === you) this.#move(payload.room, { read: payload.message });
    else return;
    this.#view.rooms(this.list);
  }

  /** Message `number` of a room, and all before it, were seen here. */
  saw(slug, number) {
    this.#move(slug, { read: number, last: number });
    this.#view.rooms(this.list);
  }

  #hold(rooms) {
    const before = this.#rooms;
    this.#rooms = new Map();
    for (const payload of rooms) this.#put(payload, before.get(payload?.room));
  }

  #changed(payload) {
    if (payload.role === "") this.#rooms.delete(payload.room);
    else this.#put(payload, this.#rooms.get(payload.room));
  }

  /** What was read is never unread again: what is told may be older than what was seen here. */
  #put(payload, before) {
    if (typeof payload?.room !== "string") return;
    const { room, title, kind, role, last, read, mentions, archived } = payload;
    const fields = { room, title: words(title) || room, kind: words(kind), role: words(role), archived: archived === true };
    this.#rooms.set(room, { ...fields, last: 0, read: 0, mentions: 0, ...before, ...fields });
    this.#move(room, { last, read, mentions });
  }

  #move(slug, { last, read, mentions }) {
    const room = this.#rooms.get(slug);
    if (!room) return;
    room.last = Math.max(room.last, count(last));
    room.read = Math.max(room.read, count(read));
    room.unread = Math.max(0, room.last - room.read);
    room.mentions = room.unread === 0 ? 0 : count(mentions);
  }
}

function count(value) {
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
