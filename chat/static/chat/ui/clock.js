import { element } from "./element.js";

/**
 * Writes moments as people do, in one time zone. Without a zone it is the reader's own clock's. Words are the page's, by
 * `locale`; whether a day has 12 hours or 24 is the reader's own habit.
 */
export class Clock {
  #hours;
  #whole;

  constructor({ locale, timeZone }) {
    const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
    this.#hours = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit", hourCycle, timeZone });
    this.#whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium", hourCycle, timeZone });
  }

  /** Return a moment's time of day as an element; an empty one where it is no moment. */
  element(at) {
    const node = element("time");
    const date = new Date(at);
    if (Number.isNaN(date.getTime())) return node;
    node.dateTime = at;
    node.title = this.moment(at);
    node.textContent = this.#hours.format(date);
    return node;
  }

  /** Return a moment in full. */
  moment(at) {
    const date = new Date(at);
    return Number.isNaN(date.getTime()) ? "" : this.#whole.format(date);
  }
}
