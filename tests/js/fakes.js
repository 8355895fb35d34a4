/**
 * A browser and its server for the client's tests. The clock stands until `pass` moves it; nothing is concurrent.
 * Limits: a frame arrives at once and is never split, `bufferedAmount` does not exist, and a socket that the page closes
 * is told of no close event (the client does not wait for one).
 */

export class FakeSocket {
  sent = [];
  closed = false;
  onmessage = null;
  onclose = null;

  constructor(path, protocols) {
    this.path = path;
    this.protocols = protocols;
  }

  send(frame) {
    this.sent.push(JSON.parse(frame));
  }

  close() {
    this.closed = true;
  }

  /** The server's side: send a frame as it stands. */
  frame(data) {
    this.onmessage?.({ data });
  }

  /** The server's side: send envelopes in one frame. */
  say(...envelopes) {
    this.frame(envelopes.map((envelope) => JSON.stringify(envelope)).join("\n"));
  }

  /** The server's side: end the connection. */
  end(code = 1006) {
    this.onclose?.({ code, reason: "" });
  }

  /** Return what the page sent of one type. */
  all(type) {
    return this.sent.filter((envelope) => envelope.type === type);
  }

  last(type) {
    return this.all(type).at(-1);
  }
}

/** What the tabs of one browser share: storage, locks (null where it has none) and the time. */
export class FakeProfile {
  stored = new Map();
  quota = Infinity;
  waiting = [];
  now = 1000;

  constructor({ locks = true } = {}) {
    this.locks = locks ? new Map() : null;
  }

  /** Let those run who wait for a lock that nobody holds: one after another. */
  grant() {
    const free = this.waiting.filter(({ name }) => !this.locks.has(name));
    this.waiting = this.waiting.filter((one) => !free.includes(one));
    for (const { run } of free) run();
  }
}

export class FakeBrowser {
  sockets = [];
  lasting = true;
  warnings = [];
  chance = 0.5;
  seen = true;
  #now = 1000;
  #timers = new Set();
  #online = [];
  #visible = [];
  #leave = [];
  #bytes = 0;

  /** A tab of a profile; `seed` makes its random bytes other ones. */
  constructor(profile = new FakeProfile(), seed = 0) {
    this.profile = profile;
    this.#now = profile.now;
    this.#bytes = 100 * seed;
  }

  dial = (path, protocols) => {
    const socket = new FakeSocket(path, protocols);
    this.sockets.push(socket);
    return socket;
  };
  now = () => this.#now;
  date = () => new Date(Date.UTC(2030, 0, 1) + this.#now);
  after = (delay, run) => {
    const timer = { due: this.#now + delay, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };
  random = () => this.chance;
  /** Bytes that differ from call to call. */
  randomBytes = (count) => Uint8Array.from({ length: count }, () => (this.#bytes += 1) % 256);
  recall = (name) => this.profile.stored.get(name) ?? null;
  remember = (name, value) => {
    const size = [...this.profile.stored].reduce((sum, [key, kept]) => sum + key.length + kept.length, 0);
    if (size + value.length > this.profile.quota) throw new Error("the quota has been exceeded");
    this.profile.stored.set(name, value);
  };
  forget = (name) => this.profile.stored.delete(name);
  stored = (start) => [...this.profile.stored.keys()].filter((name) => name.startsWith(start));
  hold = (name) => {
    if (this.profile.locks) this.profile.locks.set(name, this);
    return Boolean(this.profile.locks);
  };
  whenFree = (name, run) => {
    this.profile.waiting.push({ name, run, page: this });
    this.profile.grant();
  };
  onLeave = (run) => this.#leave.push(run);
  onOnline = (run) => this.#online.push(run);
  visible = () => this.seen;
  onVisible = (run) => this.#visible.push(run);
  warn = (...words) => this.warnings.push(words.join(" "));

  /** The page goes away with a word, as on a reload; or without one, as in a crash. */
  leave({ crash = false } = {}) {
    if (!crash) for (const run of this.#leave) run();
    this.#timers.clear();
    this.sockets.at(-1).onmessage = this.sockets.at(-1).onclose = null;
    if (!this.profile.locks) return;
    for (const [name, holder] of this.profile.locks) if (holder === this) this.profile.locks.delete(name);
    this.profile.waiting = this.profile.waiting.filter(({ page }) => page !== this);
    this.profile.grant();
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get timers() {
    return this.#timers.size;
  }

  goOnline() {
    for (const run of this.#online) run();
  }

  hide() {
    this.seen = false;
  }

  show() {
    this.seen = true;
    for (const run of this.#visible) run();
  }

  /** Let time pass, running what falls due in its order. */
  pass(ms) {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.due);
      due.run();
    }
    this.profile.now = this.#now = end;
  }
}

/** A view that writes down what it is told: [verb, argument] in order. */
export class FakeView {
  heard = [];
  items = [];

  constructor() {
    const verbs = ["status", "joined", "refused", "complaint", "you", "unnamed", "changed", "roundTrip", "limit"];
    for (const verb of [...verbs, "removed", "cleared", "missed", "past", "later", "sought", "rooms", "role", "notice"]) {
      this[verb] = (value) => this.heard.push([verb, value]);
    }
  }

  added(item) {
    this.items.push(item);
    this.heard.push(["added", item]);
  }

  all(verb) {
    return this.heard.filter(([said]) => said === verb).map(([, value]) => value);
  }

  last(verb) {
    return this.all(verb).at(-1);
  }

  get texts() {
    return this.items.map((item) => item.text);
  }
}

export const YOU = { id: "g1", name: "guest-0001", kind: "guest" };
export const OTHER = { id: "g2", name: "guest-0002", kind: "guest" };

export function welcome(changes = {}) {
  const payload = {
    connection: "c1",
    user: YOU,
    node: "n1",
    server_time: "2030-01-01T00:00:00.000Z",
    heartbeat_s: 25,
    limits: { message_bytes: 100, message_rate: 10, message_burst: 50, rooms: 100 },
    features: [],
    ...changes,
  };
  return { type: "welcome", payload };
}

export function joinAck(id, changes = {}) {
  const payload = {
    room: "lobby",
    title: "Lobby",
    you: YOU,
    epoch: null,
    offset: null,
    recovered: false,
    messages: [],
    more: false,
    count: 1,
    members: [],
    ...changes,
  };
  return { type: "ack", id, payload };
}

export function message(changes = {}) {
  const payload = {
    room: "lobby",
    message: 1,
    author: OTHER,
    at: "2030-01-01T00:00:01.000Z",
    offset: null,
    prev: null,
    text: "hello",
    key: null,
    ...changes,
  };
  return { type: "message", payload };
}

export function failure(id, code, more = {}) {
  return { type: "error", id, payload: { code, message: `says ${code}`, ...more } };
}

/** Bring a client from its dial into its room. */
export function enter(socket, changes) {
  socket.say(welcome(changes));
  socket.say(joinAck(socket.last("join").id));
}


export const EPOCH = "epoch-1";

/** Return a durable room's message: number, offset and the offset before it. */
export function kept(number, offset = number, changes = {}) {
  const { payload } = message({ message: number, offset, prev: offset - 1, text: `m${number}`, key: `key-${number}-of-it`, reactions: {}, ...changes });
  return { type: "message", payload };
}

/** Return the answer to a join of a durable room. */
export function durableAck(id, messages, offset, changes = {}) {
  return joinAck(id, { epoch: EPOCH, offset, messages: messages.map(({ payload }) => payload), ...changes });
}

/** Bring a client into its durable room, with these messages, at this offset. */
export function enterDurable(socket, messages = [], offset = messages.length, changes = {}) {
  socket.say(welcome());
  socket.say(durableAck(socket.last("join").id, messages, offset, changes));
}
