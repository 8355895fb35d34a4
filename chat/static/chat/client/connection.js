import { Backoff, retryAfterMs } from "./backoff.js";
import { verdict } from "./codes.js";
import { decode, encode } from "./envelope.js";
import { later, t } from "./words.js";

export const SUBPROTOCOL = "chat.v1.json";
const BEARER = "bearer.";
/** From dialling to the server's `welcome`. */
export const WELCOME_MS = 20_000;
/** The server's own time-out for an answer is 10 s (CHAT_PING_TIMEOUT), so a living server has spoken by then. */
export const GRACE_MS = 15_000;
/** A connection that lived this long was a good one: the next failure is the first again. */
export const GOOD_MS = 10_000;

const NO_CODE = 1006;
/** What was shown does not hold: without it one may come as somebody else. */
const UNAUTHENTICATED = 4510;
/** Shows nothing. */
const NOTHING = { token: () => null, refused: () => {} };
const UNREACHABLE = later("the server cannot be reached");
const SILENT = later("the server has fallen silent");

/**
 * One connection that comes back. Its states: connecting, open, waiting (to dial again), stopped; each has at most one
 * timer. `listener` hears `state({name, cause, at})`, `welcome(payload)`, `envelope(envelope)` and `closed({resend, says})`.
 * `credential.token()` is shown at each dial; one that the server does not take is `credential.refused()`.
 */
export class Connection {
  #adapters;
  #path;
  #listener;
  #credential;
  #shown = null;
  #backoff;
  #state = { name: "stopped", cause: "", at: null };
  #socket = null;
  #cancelTimer = () => {};
  #closing = null;
  #openedAt = null;
  #heardAt = 0;
  #notBefore = 0;
  #calls = new Map();
  #lastId = 0;

  constructor(adapters, path, listener, credential = NOTHING) {
    this.#adapters = adapters;
    this.#path = path;
    this.#listener = listener;
    this.#credential = credential;
    this.#backoff = new Backoff(adapters.random);
    adapters.onOnline(() => this.#online());
  }

  get state() {
    return this.#state;
  }

  /** Dial now, unless a connection is there or on its way. */
  start() {
    if (this.#socket) return;
    this.#openedAt = null;
    this.#closing = null;
    this.#enter("connecting");
    this.#setTimer(WELCOME_MS, () => this.#end(NO_CODE, t(UNREACHABLE)));
    this.#shown = this.#credential.token();
    this.#listen(this.#adapters.dial(this.#path, this.#shown ? [SUBPROTOCOL, BEARER + this.#shown] : [SUBPROTOCOL]));
  }

  /** Send an envelope that wants no answer; false where no connection is open. */
  send(type, payload, id) {
    if (this.#state.name !== "open") return false;
    this.#socket.send(encode(type, payload, id));
    return true;
  }

  /** Send an envelope; `answer({type: "ack" | "error" | "pong", payload})` comes once, or never if the connection ends first. */
  call(type, payload, answer) {
    const id = (this.#lastId += 1);
    const sent = this.send(type, payload, id);
    if (sent) this.#calls.set(id, answer);
    return sent;
  }

  #listen(socket) {
    this.#socket = socket;
    const mine = (run) => (event) => {
      if (socket === this.#socket) run(event);
    };
    socket.onmessage = mine((event) => this.#frame(event.data));
    socket.onclose = mine((event) => this.#end(event.code));
  }

  #frame(data) {
    this.#heardAt = this.#adapters.now();
    if (typeof data !== "string") return;
    const odd = (line) => this.#adapters.warn("The server sent what is no envelope:", line.slice(0, 200));
    for (const envelope of decode(data, odd)) {
      // What one envelope brings about may have ended this connection.
      if (this.#socket) this.#take(envelope);
    }
  }

  #take(envelope) {
    switch (envelope.type) {
      case "welcome":
        return this.#welcome(envelope.payload);
      case "ping":
        return this.send("pong", undefined, envelope.id);
      case "closing":
        this.#closing = envelope.payload;
        return undefined;
      case "ack":
      case "pong":
      case "error":
        return this.#answer(envelope);
      default:
        return this.#listener.envelope(envelope);
    }
  }

  #answer(envelope) {
    const answer = this.#calls.get(envelope.id);
    if (!answer) return this.#listener.envelope(envelope);
    this.#calls.delete(envelope.id);
    return answer(envelope);
  }

  #welcome(payload) {
    this.#openedAt = this.#adapters.now();
    this.#enter("open");
    if (payload.heartbeat_s > 0) this.#watch(payload.heartbeat_s * 1000 + GRACE_MS);
    this.#listener.welcome(payload);
  }

  /** End the connection when nothing is heard for `limit` ms: a cable pulled out closes no socket. */
  #watch(limit, wait = limit) {
    this.#setTimer(wait, () => {
      const left = this.#heardAt + limit - this.#adapters.now();
      if (left > 0) this.#watch(limit, left);
      else this.#end(NO_CODE, t(SILENT));
    });
  }

  #end(code, says) {
    const closing = this.#closing ?? {};
    // After `closing` the close frame itself may be lost on the way.
    const known = code === NO_CODE ? (closing.code ?? code) : code;
    const { reconnect, resend, says: usual } = verdict(known);
    const cause = says ?? (known === NO_CODE && this.#openedAt === null ? t(UNREACHABLE) : usual);
    this.#drop();
    this.#listener.closed({ resend, says: cause });
    if (known === UNAUTHENTICATED && this.#shown) {
      this.#credential.refused();
      if (this.#credential.token() !== this.#shown) return this.start();
    }
    if (reconnect && closing.reconnect !== false) return this.#wait(cause, closing.retry_after_s);
    return this.#enter("stopped", cause);
  }

  /** Let go of the socket without waiting for its close, which a dead network may never bring. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#calls.clear();
    if (this.#openedAt !== null && this.#adapters.now() - this.#openedAt >= GOOD_MS) this.#backoff.reset();
    socket.close();
  }

  #wait(cause, retryAfter) {
    const now = this.#adapters.now();
    this.#notBefore = now + retryAfterMs(retryAfter);
    this.#redial(cause, this.#backoff.next(retryAfter));
  }

  #redial(cause, delay) {
    this.#enter("waiting", cause, this.#adapters.now() + delay);
    this.#setTimer(delay, () => this.start());
  }

  /** The network is back: dial at once, or when the server's own wish is over. */
  #online() {
    if (this.#state.name !== "waiting") return;
    const left = this.#notBefore - this.#adapters.now();
    if (left > 0) this.#redial(this.#state.cause, left);
    else this.start();
  }

  #enter(name, cause = "", at = null) {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#state = { name, cause, at };
    this.#listener.state(this.#state);
  }

  #setTimer(delay, run) {
    this.#cancelTimer();
    this.#cancelTimer = this.#adapters.after(delay, run);
  }
}
