/** The guest's name: shown as a button; it opens a small form. Somebody signed in has a name that is only shown. */
export class Name {
  #root;
  #fixed;
  #shown;
  #form;
  #field;
  #note;
  #rename;
  #done;

  /** `rename(name)` returns why not, or an empty string; `done()` comes after a name was given. */
  constructor({ root, fixed, rename, done }) {
    this.#root = root;
    this.#fixed = fixed;
    this.#shown = root.querySelector(".shown");
    this.#form = root.querySelector("form");
    this.#field = root.querySelector("input");
    this.#note = root.querySelector(".note");
    this.#rename = rename;
    this.#done = done;
    root.querySelector("summary").addEventListener("click", () => this.#opening());
    root.addEventListener("toggle", () => this.#toggled());
    root.addEventListener("keydown", (event) => this.#pressed(event));
    this.#form.addEventListener("submit", (event) => this.#submitted(event));
    document.addEventListener("click", (event) => this.#clicked(event));
  }

  /** Show who one is. */
  show({ name, kind }) {
    this.#shown.textContent = name;
    this.#fixed.querySelector(".shown").textContent = name;
    this.#root.hidden = kind !== "guest";
    this.#fixed.hidden = kind === "guest";
  }

  /** The server did not take the name. */
  refused(sentence) {
    this.#root.open = true;
    this.#note.textContent = sentence;
  }

  /** The field begins with the name that one has: at once, since `toggle` comes later than what is typed fast. */
  #opening() {
    if (!this.#root.open) this.#field.value = this.#shown.textContent;
  }

  #toggled() {
    if (!this.#root.open) this.#note.textContent = "";
    else if (document.activeElement !== this.#field) this.#field.select();
  }

  #pressed(event) {
    if (event.key !== "Escape" || !this.#root.open) return;
    this.#root.open = false;
    this.#root.querySelector("summary").focus();
  }

  #clicked(event) {
    if (!this.#root.contains(event.target)) this.#root.open = false;
  }

  #submitted(event) {
    event.preventDefault();
    const refused = this.#rename(this.#field.value);
    this.#note.textContent = refused;
    if (refused) return;
    this.#root.open = false;
    this.#done();
  }
}
