import { t } from "../client/words.js";

const QUARTER_MS = 15 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** Days in one time zone, each written 2030-12-31. Without a zone they are the reader's own clock's. */
export class Days {
  #written;
  #named;

  /** `locale` is for their names. */
  constructor({ locale, timeZone }) {
    this.#written = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeZone });
    this.#named = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeZone: "UTC" });
  }

  /** Return the day of a moment; an empty string where it is none. */
  of(date) {
    return Number.isNaN(date.getTime()) ? "" : this.#written.format(date);
  }

  /** Return a day's name for people, seen at the moment `now`. */
  name(day, now) {
    const today = this.of(now);
    if (day === today) return t("Today");
    if (day === new Date(Date.parse(today) - DAY_MS).toISOString().slice(0, 10)) return t("Yesterday");
    return this.#named.format(new Date(day));
  }

  /** Return the milliseconds from `now` to the next day; it may have 23 or 25 hours. */
  untilTomorrow(now) {
    const today = this.of(now);
    // In every zone midnight is at a quarter of an hour of UTC.
    let next = (Math.floor(now.getTime() / QUARTER_MS) + 1) * QUARTER_MS;
    while (this.of(new Date(next)) === today) next += QUARTER_MS;
    return next - now.getTime();
  }
}
