import { keyOf } from "./emoji.js";
import { isPassing, retryDelay, sentence } from "./errors.js";
import { later, t } from "./words.js";

const REFUSED = { edit: later("Not changed: {why}"), delete: later("Not deleted: {why}"), react: later("No reaction: {why}") };

/**
 * One's own changes of messages on their way: shown as if done, sent again until answered. Each asks for a state, not for
 * a step, so that one whose answer was lost may be sent again, after a reload too. A change is {verb, number, epoch, author,
 * text?, emoji?, on?, offset}; its `offset` is null until acknowledged, and it stays until the message's state has come that
 * far. The message need not be loaded.
 */
export class Changes {
  #slug;
  #adapters;
  #call;
  #person;
  #unsent;
  #position;
  #at;
  #changed;
  #complain;
  #rejoin;
  #waiting = [];
  #ready = false;
  #cancelTimer = () => {};

  /**
   * `call(type, payload, answer)` is the connection's; `at(number)` is a message that is loaded; `changed(item)` tells of an
   * item's new state, `complain(sentence)` of one that is not loaded; `rejoin()` joins; `unsent` keeps what waits over a reload.
   */
  constructor({ slug, adapters, call, person, unsent, position, at, changed, complain, rejoin }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#call = call;
    this.#person = person;
    this.#unsent = unsent;
    this.#position = position;
    this.#at = at;
    this.#changed = changed;
    this.#complain = complain;
    this.#rejoin = rejoin;
  }

  /** Ask for a message's change; one that asks for the same of it anew takes the other's place. */
  ask({ item, ...change }) {
    const asked = { ...change, number: item.number, epoch: this.#epoch, author: this.#person.you, offset: null };
    for (const other of [...item.changes, ...this.#waiting].filter((it) => isSame(it, asked))) this.#drop(other, item);
    item.changes.push(asked);
    item.error = "";
    this.#waiting.push(asked);
    this.#keep();
    this.#changed(item);
    if (this.#ready) this.#send(asked);
  }

  /** Take what another tab, or this page before it was loaded anew, asked for; what was asked for since counts more. */
  restore(records) {
    const wanted = records.filter(({ verb }) => Object.hasOwn(REFUSED, verb)).map((record) => ({ ...record, offset: null }));
    const fresh = wanted.filter((change) => !this.#waiting.some((other) => isSame(other, change)));
    this.#waiting.push(...fresh);
    this.#keep();
    for (const item of new Set(fresh.map(({ number }) => this.#at(number)).filter(Boolean))) {
      this.attach(item);
      this.#changed(item);
    }
    if (this.#ready) for (const change of fresh) this.#send(change);
  }

  /** A message is loaded: what waits for it is shown in it. */
  attach(item) {
    for (const change of this.#waiting) {
      if (change.number === item.number && this.#isOurs(change) && !item.changes.includes(change)) item.changes.push(change);
    }
  }

  /** A message has a new state: what it tells of is done. */
  settle(item) {
    for (const change of [...item.changes]) {
      if (change.offset !== null && change.offset <= item.offset) this.#drop(change, item);
    }
  }

  /** The room is joined. Where the log is another one, its messages are not those that were to be changed. */
  open() {
    this.#ready = true;
    this.#calm();
    this.#waiting = this.#waiting.filter(({ epoch }) => epoch === this.#epoch);
    this.#keep();
    for (const change of [...this.#waiting]) this.#send(change);
  }

  /** The connection is gone, and the answers with it. */
  close() {
    this.#ready = false;
    this.#calm();
  }

  get #epoch() {
    return this.#position.since?.epoch;
  }

  /** What somebody else asked for here waits for them. */
  #isOurs({ epoch, author }) {
    return epoch === this.#epoch && this.#person.mayBe(author);
  }

  #send(change) {
    const { verb, number, text, emoji, on } = change;
    if (!this.#isOurs(change)) return;
    this.#call(verb, { room: this.#slug, message: number, text, emoji, on }, (answer) => {
      if (this.#waiting.includes(change)) this.#answered(change, answer);
    });
  }

  #answered(change, { type, payload }) {
    if (type === "ack") this.#acked(change, payload);
    else if (isPassing(payload)) this.#later(payload);
    else if (payload.code === "not_joined" && !change.rejoined) this.#unjoined(change);
    else this.#fail(change, payload);
  }

  #acked(change, { offset }) {
    change.offset = offset;
    this.#waiting = this.#waiting.filter((other) => other !== change);
    this.#keep();
    const item = this.#at(change.number);
    if (!item) return;
    this.settle(item);
    this.#changed(item);
  }

  /** The server knows nothing of our join: join once more, which sends what waits again. */
  #unjoined(change) {
    change.rejoined = true;
    this.#ready = false;
    this.#rejoin();
  }

  #later(error) {
    this.#ready = false;
    this.#calm();
    this.#cancelTimer = this.#adapters.after(retryDelay(error, this.#adapters.random), () => this.open());
  }

  #fail(change, error) {
    const item = this.#at(change.number);
    const words = t(REFUSED[change.verb], { why: sentence(error) });
    this.#drop(change, item);
    if (!item) {
      this.#complain(words);
      return;
    }
    item.error = words;
    this.#changed(item);
  }

  #drop(change, item) {
    if (item) item.changes = item.changes.filter((other) => other !== change);
    if (!this.#waiting.includes(change)) return;
    this.#waiting = this.#waiting.filter((other) => other !== change);
    this.#keep();
  }

  #keep() {
    this.#unsent.keepChanges(this.#waiting.map(recordOf));
  }

  #calm() {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
  }
}

function isSame(one, other) {
  const sameMessage = one.number === other.number && one.author?.id === other.author?.id;
  return sameMessage && one.verb === other.verb && keyOf(one.emoji ?? "") === keyOf(other.emoji ?? "");
}

/** Return what is needed to ask for a change again, after a reload too. */
function recordOf({ verb, number, epoch, author, text, emoji, on }) {
  return { verb, number, epoch, author, text, emoji, on };
}

/** Return a message as it will be once one's changes are done: {text, deleted, edited, reactions, waiting}. */
export function expected(item, you) {
  const seen = { text: item.text, deleted: item.deleted, edited: item.edited, reactions: item.reactions, waiting: "" };
  for (const { verb, text, emoji, on } of item.changes) {
    if (verb === "edit") Object.assign(seen, { text, edited: true, waiting: t("Saving…") });
    else if (verb === "delete") Object.assign(seen, { waiting: t("Deleting…") });
    else seen.reactions = reacted(seen.reactions, emoji, on, you);
  }
  return seen;
}

function reacted(reactions, emoji, on, you) {
  const there = reactions.find((reaction) => keyOf(reaction.emoji) === keyOf(emoji)) ?? { emoji, count: 0, ids: [] };
  if (there.ids.includes(you.id) === on) return reactions;
  const ids = on ? [...there.ids, you.id] : there.ids.filter((id) => id !== you.id);
  const after = { ...there, count: there.count + (on ? 1 : -1), ids };
  const all = reactions.includes(there) ? reactions.map((it) => (it === there ? after : it)) : [...reactions, after];
  return all.filter(({ count }) => count > 0);
}
