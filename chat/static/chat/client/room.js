import { Changes } from "./changes.js";
import { byteLength } from "./envelope.js";
import { broadcastItem, fieldsOf, newItem, words } from "./item.js";
import { Joining } from "./joining.js";
import { Outgoing } from "./outgoing.js";
import { beginning, Past } from "./past.js";
import { DROP, GAP, isOffset, Position } from "./position.js";
import { Timeline } from "./timeline.js";
import { Unsent } from "./unsent.js";
import { t } from "./words.js";

/** Keys of messages already shown: a resent message comes soon, so a bounded memory is enough. */
const MAX_SEEN = 2000;

/**
 * One room: joins it whenever a connection opens, holds what its log tells, sends what is written. `items` are in order.
 * `view` hears `added(item)`, `changed(item)`, `removed(item)`, `cleared()` (all but what is not sent yet), `past({loading,
 * begins, error})`, `joined({title, topic})`, `refused(sentence, code)`, `complaint(sentence)`, `limit(bytes)`.
 */
export class Room {
  #slug;
  #person;
  #view;
  #outgoing;
  #changes;
  #past;
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
    this.#changes = new Changes({ slug, adapters, call, changed });
    this.#past = new Past({ slug, call, take: (messages) => this.#takePast(messages), view });
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

  /** Load older messages. Tell whether some were asked for. */
  older() {
    const oldest = this.#timeline.oldest;
    return oldest !== null && this.#position.since !== undefined && this.#past.load(oldest);
  }

  /** Forget all but the newest items; a log has them still. */
  keepNewest(count) {
    if (this.#timeline.keepNewest(count) && this.#position.since) this.#past.reset();
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
    this.#past.closed();
    this.#changes.close();
    this.#outgoing.close(end);
  }

  /** Take an envelope; what concerns another room, or is of a type not known here, is left alone. */
  take({ type, payload }) {
    if (payload.room !== this.#slug) return;
    if (type === "message") this.#hear(payload);
    else if (type === "broadcast") this.#broadcast(payload);
    else if (type === "resync") this.#joining.join();
  }

  // Joining

  #taken(payload) {
    this.#person.is(payload.you);
    if (this.#position.since && !payload.recovered) this.#startOver();
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
  #startOver() {
    this.#timeline.clear();
    this.#changes.clear();
    this.#view.cleared();
  }

  #takePage({ messages = [], recovered, offset }) {
    if (!recovered && this.#position.since) {
      this.#timeline.loadedFrom(messages[0]?.message ?? 0);
      this.#past.reset(offset === 0 ? "room" : beginning(messages, messages.length > 0));
    }
    for (const message of messages) this.#show(message);
  }

  // Messages

  #hear(payload) {
    const heard = this.#position.hear(payload);
    if (heard === DROP) return;
    // On its way since before the join that is under way: the answer tells of it.
    if (heard === GAP && this.#joining.isUnderWay) return;
    if (heard === GAP) this.#joining.join();
    else this.#show(payload);
  }

  #show(payload) {
    if (!isOffset(payload.offset) && this.#seen.has(payload.key)) return;
    this.#remember(payload.key);
    const mine = this.#outgoing.settle(payload.key);
    const known = this.#timeline.at(payload.message);
    if (isOffset(payload.offset) && known) {
      if (mine && mine !== known) this.#remove(mine);
      this.#renew(known, payload);
    } else if (isOffset(payload.offset) && this.#timeline.isOlder(payload.message)) {
      if (mine) this.#remove(mine);
      this.#past.missed(payload);
    } else this.#put(payload, mine);
  }

  #renew(item, payload) {
    if (item.offset !== null && item.offset >= payload.offset) return;
    Object.assign(item, fieldsOf(payload));
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
    if (item.number !== null) this.#timeline.put(item);
    this.#view.changed(item);
  }

  #takePast(messages) {
    if (messages.length > 0) this.#timeline.loadedFrom(messages[0].message);
    for (const payload of messages) {
      const known = this.#timeline.at(payload.message);
      if (known) this.#renew(known, payload);
      else this.#add(newItem({ ...fieldsOf(payload), own: this.#person.wrote(payload), past: true }));
    }
  }

  /** The log has taken one's own message: its place is known before its envelope comes. */
  #numbered(item, number) {
    if (this.#timeline.at(number) || this.#timeline.isOlder(number)) {
      this.#remove(item);
      return;
    }
    this.#timeline.remove(item);
    item.number = number;
    this.#timeline.put(item);
  }

  /** What another tab, or this page before it was loaded anew, did not send. */
  #adopt(records) {
    const wanted = records.filter(({ key }) => !this.#seen.has(key) && !this.#outgoing.knows(key));
    for (const record of wanted.sort((one, other) => (one.at < other.at ? -1 : 1))) this.#add(this.#outgoing.restore(record));
    this.#outgoing.go();
  }

  #broadcast(payload) {
    this.#add(broadcastItem(payload));
    const spare = this.#timeline.spareTick();
    if (spare) this.#remove(spare);
  }

  // What the view hears

  #add(item) {
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
    if (text.trim() === "") return t("There is nothing to send yet.");
    const size = byteLength(text);
    const most = this.#outgoing.maxBytes;
    return size > most ? t("Too long: {size} bytes of at most {most}.", { size, most }) : "";
  }
}
