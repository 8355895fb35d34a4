import { Client } from "../../../chat/static/chat/client/client.js";
import { nodeAdapters, Wire } from "./wire.js";

/** One person's page: a client for each room, and what its view was told. */
export class Page {
  #rooms = new Map();

  constructor(slugs, urls) {
    for (const slug of slugs) this.#rooms.set(slug, new Place(slug, urls));
  }

  cut() {
    return [...this.#rooms.values()].map((place) => place.wire.cut()).includes(true);
  }

  look(whole) {
    return { rooms: Object.fromEntries([...this.#rooms].map(([slug, place]) => [slug, place.look(whole)])) };
  }

  write(slug, text) {
    return this.#rooms.get(slug).write(text);
  }

  change(slug, number, change) {
    this.#rooms.get(slug).change(number, change);
  }

  older() {
    return [...this.#rooms.values()].map((place) => place.client.room.older()).includes(true);
  }
}

/** One client, and those who wait for its messages to be acknowledged. It is its own view. */
class Place {
  #written = new Map();
  #live = false;

  constructor(slug, urls) {
    this.wire = new Wire(urls, () => this.client.room.position);
    this.client = new Client({ room: slug, path: `/ws/${slug}`, adapters: nodeAdapters(this.wire), view: this });
    this.counts = { complaints: 0, cleared: 0 };
    this.client.start();
  }

  write(text) {
    return new Promise((resolve, reject) => {
      this.added = (item) => item.own && this.#written.set(item.key, resolve);
      const refused = this.client.room.write(text);
      this.added = () => {};
      if (refused) reject(new Error(refused));
    });
  }

  change(number, { verb, text, emoji, on }) {
    const { room } = this.client;
    const item = room.message(number);
    if (!item) return;
    if (verb === "edit") room.edit(item, text);
    else if (verb === "delete") room.delete(item);
    else room.react(item, emoji, on);
  }

  look(whole) {
    const { room } = this.client;
    const all = room.items.filter(({ kind }) => kind === "message");
    const pending = all.reduce((sum, { changes }) => sum + changes.length, 0);
    const messages = whole ? all.map(({ changes, ...item }) => item) : [];
    const counts = { ...this.counts, ...this.wire.counts };
    return { live: this.#live, position: room.position ?? null, pending, counts, messages };
  }

  #settle() {
    if (this.#written.size === 0) return;
    for (const { key, number, author, state } of this.client.room.items) {
      if (number === null || state !== "sent" || !this.#written.has(key)) continue;
      this.#written.get(key)({ key, number, author: author.id });
      this.#written.delete(key);
    }
  }

  // The view

  added() {}

  changed() {
    this.#settle();
  }

  removed() {
    this.#settle();
  }

  joined() {
    this.#live = true;
  }

  status({ name }) {
    if (name !== "open") this.#live = false;
  }

  cleared() {
    this.counts.cleared += 1;
  }

  complaint() {
    this.counts.complaints += 1;
  }

  refused() {}
  later() {}
  limit() {}
  missed() {}
  notice() {}
  past() {}
  role() {}
  rooms() {}
  roundTrip() {}
  sought() {}
  unnamed() {}
  you() {}
}
