import { Changes } from "./changes.js";
import { beginning, Edge, missing } from "./edge.js";
import { byteLength } from "./envelope.js";
import { broadcastItem, fieldsOf, newItem, partsOf, words } from "./item.js";
import { Joining } from "./joining.js";
import { Outgoing } from "./outgoing.js";
import { DROP, GAP, isLogged, isOffset, Position } from "./position.js";
import { showsNothing } from "./shown.js";
import { Timeline } from "./timeline.js";
import { isChange, Unsent } from "./unsent.js";
import { t } from "./words.js";

/** Keys of messages already shown: a resent message comes soon, so a bounded memory is enough. */
const MAX_SEEN = 2000;

/**
 * One room: joins it whenever a connection opens, holds what its log tells, sends what is written. `items` are in order.
 * `view` hears `added(item)`, `changed(item)`, `removed(item)`, `cleared(isAnother)` (all but what is not sent yet; the log
 * is another one), `missed(item)` (a new message that is not held), `past({loading, begins, error})` and `later(…)` (what lies
 * before and after the items), `sought(…)`, `joined({title, topic})`, `refused(sentence, code)`, `complaint(sentence)`, `limit(bytes)`.
 */
export class Room {
  #slug;
  #person;
  #view;
  #outgoing;
  #changes;
  #past;
  #later;
  #sought;
  #unsent;
  #position = new Position();
  #timeline = new Timeline();
  #seen = new Set();
  #started = false;
  #bars = {};
  #joining;

  constructor({ slug, adapters, call, person, view }) {
    this.#slug = slug;
    this.#person = person;
    this.#view = view;
    this.#joining = new Joining({
      ...{ slug, adapters, call, position: this.#position },
      taken: (payload) => this.#taken(payload),
      joined: (payload) => this.#joined(payload),
      refused: (sentence, passing, code) => this.#refused(sentence, passing, code),
    });
    const changed = (item) => view.changed(item);
    const numbered = (item, number) => this.#numbered(item, number);
    const adopt = (records) => this.#adopt(records);
    this.#unsent = new Unsent({ slug, adapters, adopt, complain: (sentence) => view.complaint(sentence) });
    this.#outgoing = new Outgoing({
      ...{ slug, adapters, call, person, unsent: this.#unsent, changed, numbered },
      rejoin: () => this.#joining.join(),
    });
    this.#changes = new Changes({
      ...{ slug, adapters, call, person, unsent: this.#unsent, position: this.#position, changed },
      at: (number) => this.#timeline.at(number),
      complain: (sentence) => view.complaint(sentence),
      rejoin: () => this.#joining.join(),
    });
    const edge = (parts) => new Edge({ slug, call, ...parts });
    this.#past = edge({
      ...{ side: "before", ends: beginning, tell: (state) => view.past(state) },
      take: (messages, number) => this.#takeHistory(messages, messages[0]?.message ?? number, number - 1),
    });
    this.#later = edge({
      ...{ side: "after", tell: (state) => view.later(state) },
      take: (messages, number) => this.#takeHistory(messages, number + 1, messages.at(-1)?.message ?? Infinity),
    });
    this.#sought = edge({
      ...{ side: "after", ends: missing, tell: (state) => view.sought(state) },
      take: (messages, number) => this.#takeSought(messages, number + 1),
    });
  }

  get items() {
    return this.#timeline.items;
  }

  /** The number of the newest message; 0 where there is none. */
  get newest() {
    return this.#timeline.items.findLast(({ number }) => number !== null)?.number ?? 0;
  }

  /** What one may not do here, each with its sentence: {post, react, delete, moderate}; who may moderate has "" there. */
  bar(bars) {
    this.#bars = bars;
  }

  /** How far the log has been heard: {epoch, offset}; undefined in a volatile room. */
  get position() {
    return this.#position.since;
  }

  /** Show what was not sent when the page was last here. Once is enough. */
  start() {
    if (!this.#started) this.#unsent.start();
    this.#started = true;
  }

  /** Send a text, now or once connected, as a reply to a message's number or to none. Return why not, or an empty string. */
  write(text, replyTo = null) {
    const refused = this.#refusal(text);
    if (refused) return refused;
    this.#add(this.#outgoing.add(text, replyTo));
    this.#outgoing.go();
    return "";
  }

  /** Send a failed message again. */
  retry(item) {
    if (item.state !== "failed" || !item.again) return;
    this.#timeline.put(item);
    this.#outgoing.retry(item);
  }

  /** Forget a message that is not sent. */
  discard(item) {
    if (this.#outgoing.discard(item)) this.#remove(item);
  }

  /** Return what one may do with an item: {reply, react, edit, delete}. */
  may(item) {
    const there = item.kind === "message" && item.number !== null && !item.deleted;
    const mine = there && this.#person.wrote(item);
    const { post, react, delete: keep, moderate } = this.#bars;
    const removable = mine || (there && moderate === "");
    return { reply: there && !post, react: there && !react, edit: mine && item.bytes === null && !post, delete: removable && !keep };
  }

  /** Give one's own message another text. Return why not, or an empty string. */
  edit(item, text) {
    const refused = this.#refusal(text);
    if (refused) return refused;
    if (text !== item.text || item.changes.length > 0) this.#changes.ask({ verb: "edit", item, text });
    return "";
  }

  delete(item) {
    this.#changes.ask({ verb: "delete", item });
  }

  /** Put an emoji onto a message, or take it off. */
  react(item, emoji, on) {
    this.#changes.ask({ verb: "react", item, emoji, on });
  }

  /** Return the message with a number; undefined where it is not loaded. */
  message(number) {
    return this.#timeline.at(number);
  }

  /** Whether the newest messages are among the items. */
  get isComplete() {
    return this.#timeline.isComplete;
  }

  /** How many items come before those that are not sent yet. */
  get sentEnd() {
    return this.#timeline.sentEnd;
  }

  /** Load older messages. Tell whether some were asked for. */
  older() {
    const oldest = this.#timeline.oldest;
    return oldest !== null && this.#mayLoad && this.#past.load(oldest);
  }

  /** Load the messages after those that are held, where these are not the newest. Tell whether some were asked for. */
  newer() {
    return !this.isComplete && this.#mayLoad && this.#later.load(this.#timeline.ceiling - 1);
  }

  /** Load a message that is not held, and those after it, in place of what is too far from it. Tell whether it was asked for. */
  seek(number) {
    // What was sought before is not wanted any more.
    this.#sought.reset();
    return !this.message(number) && this.#mayLoad && this.#sought.load(number - 1);
  }

  /** Hold the newest messages, in place of older ones; now or once connected. */
  toNewest() {
    if (this.isComplete || !this.#position.since) return;
    // What is sent meanwhile would have no place among the items.
    this.#outgoing.pause();
    this.#joining.joinAnew();
  }

  /** Forget all but the newest items; a log has them still. */
  keepNewest(count) {
    if (this.#timeline.dropOldest(this.items.length - count) && this.#position.since) this.#past.reset();
  }

  /** Forget items beyond `count`, on the side that is farther from those between `start` and `end`; a log has them still. */
  keepAround(count, { start, end }) {
    const spare = this.items.length - count;
    const after = this.sentEnd - end;
    // Without a log nobody else has them.
    if (!this.#position.since) this.keepNewest(count);
    else if (start >= after && this.#timeline.dropOldest(Math.min(spare, start))) this.#past.reset();
    else if (start < after && this.#timeline.dropNewest(Math.min(spare, after))) this.#later.reset();
  }

  /** What is asked for while the newest page is on its way would be gone with what is held. */
  get #mayLoad() {
    return this.#position.since !== undefined && !this.#joining.isAnew;
  }

  /** A connection is open. */
  welcome({ limits }) {
    const most = limits?.message_bytes;
    this.#outgoing.maxBytes = most > 0 ? most : Infinity;
    this.#view.limit(this.#outgoing.maxBytes);
    this.#joining.join();
  }

  /** The connection is gone. */
  closed(end) {
    this.#joining.closed();
    for (const edge of [this.#past, this.#later, this.#sought]) edge.closed();
    this.#changes.close();
    this.#outgoing.close(end);
  }

  /** Take an envelope; what concerns another room is left alone. One of an unknown type may have its place in the log, too. */
  take({ type, payload }) {
    if (payload.room !== this.#slug) return;
    if (type === "message") this.#hear(payload, () => this.#show(payload));
    else if (type === "changed") this.#hear(payload, () => this.#change(payload));
    else if (isLogged(payload)) this.#hear(payload, () => {});
    else if (type === "broadcast") this.#broadcast(payload);
    else if (type === "resync") this.#joining.join();
  }

  // Joining

  #taken(payload) {
    this.#person.is(payload.you);
    if (this.#position.since && !payload.recovered) this.#startOver(payload.epoch !== this.#position.since.epoch);
    this.#position.answered(payload);
    this.#takePage(payload);
  }

  #joined({ title, topic }) {
    this.#view.joined({ title: words(title), topic: words(topic) });
    this.#changes.open();
    this.#outgoing.open();
  }

  #refused(sentence, passing, code) {
    this.#view.refused(sentence, code);
    if (!passing) this.#outgoing.bar(sentence);
  }

  /** What is held is of another log, or too old: only what is not sent yet stays. */
  #startOver(isAnother) {
    this.#timeline.clear();
    for (const edge of [this.#past, this.#later, this.#sought]) edge.reset();
    this.#view.cleared(isAnother);
  }

  #takePage({ messages = [], recovered, offset }) {
    if (!recovered && this.#position.since) {
      this.#timeline.loadedFrom(messages[0]?.message ?? 0);
      this.#past.reset(offset === 0 ? "room" : beginning(messages, messages.length > 0));
    }
    for (const message of messages) this.#show(message);
  }

  // Messages

  #hear(payload, apply) {
    const heard = this.#position.hear(payload);
    if (heard === DROP) return;
    // On its way since before the join that is under way: the answer tells of it.
    if (heard === GAP && this.#joining.isUnderWay) return;
    if (heard === GAP) this.#joining.join();
    else apply();
  }

  /** Take what has changed of a message, beside its text. */
  #change(payload) {
    const item = this.#timeline.at(payload.message);
    if (item) this.#renew(item, payload, partsOf(payload));
    else for (const edge of [this.#past, this.#later, this.#sought]) edge.changed(payload);
  }

  #show(payload) {
    if (!isOffset(payload.offset) && this.#seen.has(payload.key)) return;
    this.#remember(payload.key);
    const mine = this.#outgoing.settle(payload.key);
    if (!isOffset(payload.offset)) {
      this.#put(payload, mine);
      return;
    }
    const known = this.#timeline.at(payload.message);
    const isNew = this.#timeline.heard(payload.message);
    if (known) {
      if (mine && mine !== known) this.#remove(mine);
      this.#renew(known, payload);
    } else if (this.#isBeyond(payload.message)) {
      if (mine) this.#remove(mine);
      for (const edge of [this.#past, this.#later, this.#sought]) edge.missed(payload);
      if (isNew) this.#view.missed(newItem({ ...fieldsOf(payload), own: Boolean(mine) || this.#person.wrote(payload) }));
    } else this.#put(payload, mine);
  }

  /** Tell whether a number lies where nothing is loaded, before or after what is. */
  #isBeyond(number) {
    return this.#timeline.isOlder(number) || this.#timeline.isNewer(number);
  }

  #renew(item, payload, fields = fieldsOf(payload)) {
    if (item.offset !== null && item.offset >= payload.offset) return;
    Object.assign(item, fields);
    this.#changes.settle(item);
    this.#view.changed(item);
  }

  #put(payload, mine) {
    const item = mine ?? newItem({});
    Object.assign(item, fieldsOf(payload), { own: Boolean(mine) || this.#person.wrote(payload) });
    if (!mine) {
      this.#add(item);
      return;
    }
    this.#changes.attach(item);
    if (item.number !== null) this.#timeline.put(item);
    this.#view.changed(item);
  }

  /** Take a page of history: all messages from one number to another. */
  #takeHistory(messages, from, to) {
    for (const { message } of messages) this.#timeline.heard(message);
    this.#timeline.loaded(from, to);
    for (const payload of messages) {
      const known = this.#timeline.at(payload.message);
      if (known) this.#renew(known, payload);
      else this.#add(newItem({ ...fieldsOf(payload), own: this.#person.wrote(payload), past: true }));
    }
  }

  /** Take the page that begins with a message that was sought; it may be kept no more. */
  #takeSought(messages, number) {
    if (missing(messages, true, number - 1)) return;
    const { oldest, ceiling } = this.#timeline;
    this.#takeHistory(messages, number, messages.at(-1).message);
    // What was known of the ends, or is on its way to them, is of those that were held before.
    if (this.#timeline.oldest !== oldest) this.#past.reset(number === 1 ? "room" : "");
    if (this.#timeline.ceiling !== ceiling) this.#later.reset();
  }

  /** The log has taken one's own message: its place is known before its envelope comes. */
  #numbered(item, number) {
    this.#timeline.heard(number);
    if (this.#timeline.at(number) || this.#isBeyond(number)) {
      this.#remove(item);
      return;
    }
    this.#timeline.remove(item);
    item.number = number;
    this.#timeline.put(item);
  }

  /** What another tab, or this page before it was loaded anew, did not send. */
  #adopt(records) {
    this.#changes.restore(records.filter(isChange));
    const messages = records.filter((record) => !isChange(record));
    const wanted = messages.filter(({ key }) => !this.#seen.has(key) && !this.#outgoing.knows(key));
    for (const record of wanted.sort((one, other) => (one.at < other.at ? -1 : 1))) this.#add(this.#outgoing.restore(record));
    this.#outgoing.go();
  }

  #broadcast(payload) {
    // It would stand where newer messages are missing.
    if (!this.isComplete) return;
    this.#add(broadcastItem(payload));
    const spare = this.#timeline.spareTick();
    if (spare) this.#remove(spare);
  }

  // What the view hears

  #add(item) {
    this.#changes.attach(item);
    this.#timeline.put(item);
    this.#view.added(item);
  }

  #remove(item) {
    this.#timeline.remove(item);
    this.#view.removed(item);
  }

  #remember(key) {
    if (typeof key !== "string") return;
    this.#seen.add(key);
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(this.#seen.values().next().value);
  }

  #refusal(text) {
    if (showsNothing(text)) return t("There is nothing to send yet.");
    const size = byteLength(text);
    const most = this.#outgoing.maxBytes;
    return size > most ? t("Too long: {size} bytes of at most {most}.", { size, most }) : "";
  }
}
