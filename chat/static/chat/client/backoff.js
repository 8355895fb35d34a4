/** How long to wait before the next try, so that a thousand clients do not come back in one moment. Milliseconds. */

export const FLOOR_MS = 500;
export const CEILING_MS = 60_000;
// A timer set for more than 2^31 ms fires at once; nobody waits longer than this for a server.
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** Full jitter: any moment between the floor and a ceiling that doubles with each failure. */
export class Backoff {
  #random;
  #failures = 0;

  constructor(random) {
    this.#random = random;
  }

  /** Return the next delay; it is never below what the server asked for (`retry_after_s`, seconds). */
  next(retryAfter) {
    this.#failures += 1;
    const ceiling = Math.min(CEILING_MS, FLOOR_MS * 2 ** this.#failures);
    return retryAfterMs(retryAfter) + FLOOR_MS + this.#random() * (ceiling - FLOOR_MS);
  }

  /** Begin anew: the last connection was a good one. */
  reset() {
    this.#failures = 0;
  }
}

/** Return a server's `retry_after_s` as milliseconds; what is no sensible number counts as 0. */
export function retryAfterMs(seconds) {
  if (typeof seconds !== "number" || !(seconds > 0)) return 0;
  return Math.min(seconds * 1000, MAX_RETRY_AFTER_MS);
}
