const MOST_ROWS = 6;

/** Where one writes: Enter sends, Shift+Enter makes a new line. It is never disabled: what is written offline waits. */
export class Composer {
  #form;
  #text;
  #note;
  #write;

  /** `write(text)` sends; it returns why not, or an empty string. */
  constructor({ form, write }) {
    this.#form = form;
    this.#text = form.querySelector("textarea");
    this.#note = form.querySelector(".note");
    this.#write = write;
    form.addEventListener("submit", (event) => this.#submitted(event));
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#edited());
  }

  /** Say something about what was written. */
  say(sentence) {
    this.#note.textContent = sentence;
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
    this.say(refused);
    if (!refused) this.#text.value = "";
    this.#grow();
    this.focus();
  }

  #edited() {
    this.say("");
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
