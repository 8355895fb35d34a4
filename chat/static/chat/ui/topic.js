/** The room's topic: one line; where it is cut off, a press shows the whole. */
export class Topic {
  #button;
  #words;

  constructor({ button }) {
    this.#button = button;
    this.#words = button.querySelector("bdi");
    button.addEventListener("click", () => this.#open(!this.#isOpen));
    button.addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
    new ResizeObserver(() => this.#fit()).observe(this.#words);
  }

  show(topic) {
    this.#words.textContent = topic;
    this.#button.hidden = topic === "";
    this.#fit();
  }

  get #isOpen() {
    return this.#button.getAttribute("aria-expanded") === "true";
  }

  #open(open) {
    this.#button.setAttribute("aria-expanded", String(open));
    this.#fit();
  }

  /** A topic that fits is no button. */
  #fit() {
    this.#button.disabled = !this.#isOpen && this.#words.scrollWidth <= this.#words.clientWidth;
  }
}
