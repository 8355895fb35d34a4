import { isPassing, retryDelay, sentence } from "./errors.js";
import { later, t } from "./words.js";

const REFUSED = { edit: later("Not changed: {why}"), delete: later("Not deleted: {why}"), react: later("No reaction: {why}") };

/**
 * One's own changes of messages on their way: shown as if done, sent again until answered. Each asks for a state, not for
 * a step, so that one whose answer was lost may be sent again. A change is {verb, item, text?, emoji?, on?, offset}; its
 * `offset` is null until acknowledged, and it stays until the message's state has come that far.
 */
export class Changes {
  #slug;
  #adapters;
  #call;
  #changed;
  #waiting = [];
  #ready = false;
  #cancelTimer = () => {};

  /** `call(type, payload, answer)` is the connection's; `changed(item)` tells of an item's new state. */
  constructor({ slug, adapters, call, changed }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#call = call;
    this.#changed = changed;
  }

  /** Ask for a message's change; one that asks for the same of it anew takes the other's place. */
  ask(change) {
    const { item } = change;
    for (const other of item.changes.filter((it) => isSame(it, change))) this.#drop(other);
    const asked = { ...change, offset: null };
    item.changes.push(asked);
    item.error = "";
    this.#waiting.push(asked);
    this.#changed(item);
    if (this.#ready) this.#send(asked);
  }

  /** A message has a new state: what it tells of is done. */
  settle(item) {
    for (const change of [...item.changes]) {
      if (change.offset !== null && change.offset <= item.offset) this.#drop(change);
    }
  }

  /** The room is joined. */
  open() {
    this.#ready = true;
    this.#calm();
    for (const change of [...this.#waiting]) this.#send(change);
  }

  /** The connection is gone, and the answers with it. */
  close() {
    this.#ready = false;
    this.#calm();
  }

  /** The log is another one: its messages are not those that were to be changed. */
  clear() {
    this.#waiting = [];
  }

  #send(change) {
    const { verb, item, text, emoji, on } = change;
    this.#call(verb, { room: this.#slug, message: item.number, text, emoji, on }, (answer) => {
      if (item.changes.includes(change)) this.#answered(change, answer);
    });
  }

  #answered(change, { type, payload }) {
    if (type === "ack") this.#acked(change, payload);
    else if (isPassing(payload) || payload.code === "not_joined") this.#later(payload);
    else this.#fail(change, payload);
  }

  #acked(change, { offset }) {
    this.#waiting = this.#waiting.filter((other) => other !== change);
    change.offset = offset;
    this.settle(change.item);
    this.#changed(change.item);
  }

  #later(error) {
    this.#ready = false;
    this.#calm();
    this.#cancelTimer = this.#adapters.after(retryDelay(error, this.#adapters.random), () => this.open());
  }

  #fail(change, error) {
    this.#drop(change);
    change.item.error = t(REFUSED[change.verb], { why: sentence(error) });
    this.#changed(change.item);
  }

  #drop(change) {
    this.#waiting = this.#waiting.filter((other) => other !== change);
    change.item.changes = change.item.changes.filter((other) => other !== change);
  }

  #calm() {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
  }
}

function isSame(one, other) {
  return one.verb === other.verb && one.emoji === other.emoji;
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
  const there = reactions.find((reaction) => reaction.emoji === emoji) ?? { emoji, count: 0, ids: [] };
  if (there.ids.includes(you.id) === on) return reactions;
  const ids = on ? [...there.ids, you.id] : there.ids.filter((id) => id !== you.id);
  const after = { emoji, count: there.count + (on ? 1 : -1), ids };
  const all = reactions.includes(there) ? reactions.map((it) => (it === there ? after : it)) : [...reactions, after];
  return all.filter(({ count }) => count > 0);
}
