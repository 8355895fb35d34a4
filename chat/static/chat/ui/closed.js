/** What stands in the place of a room that one may not read, or no longer. */
export class Closed {
  #root;
  #rest;

  /** `rest` is what one sees of an open room. */
  constructor({ root, rest }) {
    this.#root = root;
    this.#rest = rest.filter(Boolean);
  }

  show(sentence) {
    this.#root.querySelector("h2").textContent = sentence;
    this.#hide(false);
  }

  open() {
    this.#hide(true);
  }

  #hide(isOpen) {
    this.#root.hidden = isOpen;
    for (const node of this.#rest) node.classList.toggle("shut", !isOpen);
  }
}
