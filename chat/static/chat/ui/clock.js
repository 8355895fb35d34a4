import { element } from "./element.js";

/** Writes moments as people do, in one time zone. Without a zone it is the reader's own clock's. */
export class Clock {
  #hours;
  #whole;

  constructor({ timeZone }) {
    this.#hours = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", timeZone });
    this.#whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium", timeZone });
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
