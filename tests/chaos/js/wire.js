import { webcrypto } from "node:crypto";

// A page waits up to 20 s before it dials again; what is tested is what it misses, not its patience.
const IMPATIENCE = 0.1;

/** What a client dials with: sockets that can be torn, each to one of the servers, and what came over them counted. */
export class Wire {
  counts = { double: 0, gap: 0, applied: 0, connections: 0 };
  #urls;
  #position;
  #socket = null;

  /** `position()` is how far the client has heard: {epoch, offset} or undefined. */
  constructor(urls, position) {
    this.#urls = urls;
    this.#position = position;
  }

  dial(path, protocols) {
    const url = this.#urls[Math.floor(Math.random() * this.#urls.length)];
    const socket = new WebSocket(url + path, protocols);
    const torn = { onmessage: null, onclose: null, send: (data) => socket.send(data), close: () => socket.close() };
    const mine = (run) => (event) => this.#socket === torn && run(event);
    this.#socket = torn;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.counts.connections += 1;
    };
    socket.onmessage = mine((event) => {
      this.#count(event.data);
      torn.onmessage(event);
    });
    socket.onclose = mine((event) => torn.onclose(event));
    torn.cut = () => {
      this.#socket = null;
      socket.close();
      torn.onclose({ code: 1006 });
    };
    // Where no connection comes about, node 20's sockets tell of an error and of no close, unlike a browser's.
    socket.onerror = mine(() => opened || torn.cut());
    return torn;
  }

  /** Tear the connection: what is on its way is lost. False where there is none. */
  cut() {
    const socket = this.#socket;
    if (!socket) return false;
    socket.cut();
    return true;
  }

  /** Count what the server must not send: an envelope at or below the position, and one that follows what did not come. */
  #count(frame) {
    let offset = this.#position()?.offset;
    for (const { type, payload } of frame.split("\n").map((line) => JSON.parse(line))) {
      if (type === "ack" && payload.messages && payload.epoch) offset = payload.offset;
      if (!Number.isInteger(payload?.offset) || !Number.isInteger(payload.prev) || offset === undefined) continue;
      const heard = payload.offset <= offset ? "double" : payload.prev > offset ? "gap" : "applied";
      this.counts[heard] += 1;
      if (heard === "applied") offset = payload.offset;
    }
  }
}

/** Return what the client takes from a browser, from node. */
export function nodeAdapters(wire) {
  const stored = new Map();
  return {
    dial: (path, protocols) => wire.dial(path, protocols),
    now: () => performance.now(),
    date: () => new Date(),
    after(delay, run) {
      const timer = setTimeout(run, delay);
      return () => clearTimeout(timer);
    },
    random: () => Math.random() * IMPATIENCE,
    randomBytes: (count) => webcrypto.getRandomValues(new Uint8Array(count)),
    recall: (name) => stored.get(name) ?? null,
    remember: (name, value) => stored.set(name, value),
    forget: (name) => stored.delete(name),
    stored: (start) => [...stored.keys()].filter((name) => name.startsWith(start)),
    lasting: true,
    hold: () => true,
    whenFree() {}, // Each page has a storage of its own: nobody leaves anything in it.
    onLeave() {},
    onOnline() {},
    visible: () => true,
    onVisible() {},
    warn: (...words) => console.error(...words),
  };
}
