import { byteLength } from "./envelope.js";
import { newKey } from "./key.js";
import { later, t } from "./words.js";

/** What one tab keeps of a room at most: storage is small, and shared by all of a site. */
export const MAX_MESSAGES = 100;
export const MAX_BYTES = 256 * 1024;
/** Between two looks for what other tabs have left. */
export const LOOK_MS = 5_000;
/** Without locks a tab that has not said for so long that it lives is gone. */
export const STALE_MS = 10_000;
/** How long a claim stands before it holds: of two tabs that claim at once the later one has written over the first. */
export const CLAIM_MS = 500;

const PREFIX = "chat.unsent.";
const NOT_KEPT = later("This browser keeps nothing: what is not sent yet is lost with this page.");
const FULL = later("Only {messages} messages or {kibibytes} KiB that are not sent yet outlast this page.");

/**
 * What is not acknowledged yet, messages and changes of them, kept in storage over a reload: one entry a tab, {beat, by,
 * records}. The entry of a tab that is gone is adopted by exactly one other. A lock tells who lives; where the browser has
 * none (plain http), the `beat`, milliseconds since 1970, does. Should two tabs ever send the same record, its key makes it
 * one message, and a change asks for a state.
 */
export class Unsent {
  #slug;
  #adapters;
  #adopt;
  #complain;
  #tab;
  #messages = [];
  #changes = [];
  #locked = false;
  #watched = new Set();
  #said = new Set();

  /** `adopt(records)` takes what another tab has left; `complain(sentence)` hears why something is not kept. */
  constructor({ slug, adapters, adopt, complain }) {
    this.#slug = slug;
    this.#adapters = adapters;
    this.#adopt = adopt;
    this.#complain = complain;
    this.#tab = newKey(adapters.randomBytes);
  }

  /** Live, and look after what others leave. */
  start() {
    this.#locked = this.#adapters.hold(this.#entry(this.#tab));
    this.#adapters.onLeave(() => this.#release());
    this.#live();
  }

  /** Keep the records of these messages, and no others: each has what is needed to send it again. */
  keep(messages) {
    this.#messages = messages;
    this.#write(this.#now());
  }

  /** Keep the records of these changes of messages, and no others. */
  keepChanges(changes) {
    this.#changes = changes;
    this.#write(this.#now());
  }

  get #records() {
    return [...this.#messages, ...this.#changes];
  }

  #live() {
    // Written again even with nothing new in it: who looks at it sees that this tab lives.
    if (!this.#locked && this.#records.length > 0) this.#write(this.#now());
    for (const name of this.#adapters.stored(this.#entry(""))) {
      if (name !== this.#entry(this.#tab)) this.#watch(name);
    }
    this.#adapters.after(LOOK_MS, () => this.#live());
  }

  #watch(name) {
    if (!this.#locked) {
      this.#claim(name);
      return;
    }
    if (this.#watched.has(name)) return;
    this.#watched.add(name);
    this.#adapters.whenFree(name, () => this.#take(name));
  }

  #claim(name) {
    const entry = this.#read(name);
    if (this.#now() - entry.beat <= STALE_MS) return;
    if (!this.#store(name, { ...entry, beat: this.#now(), by: this.#tab })) return;
    this.#adapters.after(CLAIM_MS, () => this.#read(name).by === this.#tab && this.#take(name));
  }

  #take(name) {
    const { records } = this.#read(name);
    // First it is ours, then no longer the other's: what falls between is sent twice at worst.
    this.#adopt(records);
    this.#adapters.forget(name);
  }

  /** The page goes away, or sleeps: where no lock tells so, the next one need not wait. */
  #release() {
    if (!this.#locked) this.#write(0);
  }

  #write(beat) {
    const name = this.#entry(this.#tab);
    const all = this.#records;
    const records = fitting(all);
    if (records.length === 0) this.#adapters.forget(name);
    else if (!this.#adapters.lasting || !this.#store(name, { beat, by: this.#tab, records })) this.#say(NOT_KEPT);
    else if (records.length < all.length) this.#say(FULL);
    if (all.length === 0) this.#said.delete(FULL);
  }

  #store(name, entry) {
    try {
      this.#adapters.remember(name, JSON.stringify(entry));
      return true;
    } catch (refused) {
      this.#adapters.warn("Storage takes no more:", refused);
      return false;
    }
  }

  #say(sentence) {
    if (this.#said.has(sentence)) return;
    this.#said.add(sentence);
    this.#complain(t(sentence, { messages: MAX_MESSAGES, kibibytes: MAX_BYTES / 1024 }));
  }

  #read(name) {
    const entry = parse(this.#adapters.recall(name));
    const records = Array.isArray(entry?.records) ? entry.records.filter(isRecord) : [];
    return { beat: Number(entry?.beat) || 0, by: String(entry?.by), records };
  }

  #entry(tab) {
    return `${PREFIX}${this.#slug}.${tab}`;
  }

  #now() {
    return this.#adapters.date().getTime();
  }
}

/** Return as many of the first records as storage is for. */
function fitting(records) {
  let size = 0;
  const fits = (record) => (size += byteLength(JSON.stringify(record))) <= MAX_BYTES;
  const first = records.slice(0, MAX_MESSAGES);
  const over = first.findIndex((record) => !fits(record));
  return over < 0 ? first : first.slice(0, over);
}

function isRecord(record) {
  return isMessage(record) || isChange(record);
}

function isMessage(record) {
  return typeof record?.key === "string" && typeof record.text === "string" && typeof record.at === "string";
}

/** Tell a record of a change from one of a message. */
export function isChange(record) {
  return typeof record?.verb === "string" && Number.isSafeInteger(record.number) && typeof record.epoch === "string";
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Another version's, or a stranger's: it is cleared away like an empty one.
  }
}
