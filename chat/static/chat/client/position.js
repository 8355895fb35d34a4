/** What a live envelope of a room is to whoever stands at a position in its log. */
export const APPLY = "apply";
export const DROP = "drop";
export const GAP = "gap";

/** How far a room's log has been heard (docs/protocol.md, "The log of a room"). A volatile room has no position. */
export class Position {
  #epoch = null;
  #offset = null;

  /** What a join tells the server; undefined where nothing is held yet. */
  get since() {
    return this.#epoch === null ? undefined : { epoch: this.#epoch, offset: this.#offset };
  }

  get offset() {
    return this.#offset;
  }

  /** Return APPLY, which moves the position, DROP or GAP. */
  hear({ offset, prev }) {
    if (!isOffset(offset)) return APPLY;
    if (this.#epoch === null) return GAP;
    if (offset <= this.#offset) return DROP;
    if (prev > this.#offset) return GAP;
    this.#offset = offset;
    return APPLY;
  }

  /** Take the position of a join's answer; one that was overtaken by live envelopes moves nothing back. */
  answered({ epoch, offset, recovered }) {
    const durable = typeof epoch === "string" && isOffset(offset);
    const overtaken = durable && recovered && epoch === this.#epoch && offset < this.#offset;
    this.#epoch = durable ? epoch : null;
    if (!overtaken) this.#offset = durable ? offset : null;
  }
}

/** Tell whether an envelope has a place in a room's log, of whatever type it is. */
export function isLogged({ offset, prev }) {
  return isOffset(offset) && isOffset(prev);
}

/** Tell whether an offset is a place in a log; in a volatile room it is null. */
export function isOffset(offset) {
  return Number.isSafeInteger(offset);
}
