import { byteLength } from "../client/envelope.js";

const MOST_ROWS = 6;
/** From this part of the limit on, how much is used stands beside the text. */
const COUNT_FROM = 0.8;
const TOO_LONG = "This is too long to send.";

/** Where one writes: Enter sends, Shift+Enter makes a new line. It is never disabled: what is written offline waits. */
export class Composer {
  #form;
  #text;
  #note;
  #counter;
  #write;
  #most = Infinity;

  /** `write(text)` sends; it returns why not, or an empty string. */
  constructor({ form, write }) {
    this.#form = form;
    this.#text = form.querySelector("textarea");
    this.#note = form.querySelector(".note");
    this.#counter = form.querySelector(".counter");
    this.#write = write;
    form.addEventListener("submit", (event) => this.#submitted(event));
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#edited());
  }

  /** Say something about what was written; only what differs, since a screen reader says it. */
  say(sentence) {
    if (this.#note.textContent !== sentence) this.#note.textContent = sentence;
  }

  /** The server takes messages of at most so many bytes. */
  limit(bytes) {
    this.#most = bytes;
    this.#edited();
  }

  focus() {
    this.#text.focus();
  }

  #pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #submitted(event) {
    event.preventDefault();
    const refused = this.#write(this.#text.value);
    if (!refused) this.#text.value = "";
    this.#edited();
    if (refused) this.say(refused);
    this.focus();
  }

  #edited() {
    const size = byteLength(this.#text.value);
    const over = size > this.#most;
    this.#counter.textContent = size >= COUNT_FROM * this.#most ? `${size} of ${this.#most} bytes` : "";
    this.#form.classList.toggle("over", over);
    this.#text.setAttribute("aria-invalid", String(over));
    this.say(over ? TOO_LONG : "");
    this.#grow();
  }

  #grow() {
    this.#text.rows = Math.min(MOST_ROWS, this.#text.value.split("\n").length);
  }
}

/** Enter that ends an input method's composition is not Enter. Safari tells so by key code 229 alone. */
function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}
