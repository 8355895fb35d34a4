import { byteLength } from "../client/envelope.js";
import { t } from "../client/words.js";
import { preview } from "./line.js";

/** From this part of the limit on, how much is used stands beside the text. */
const COUNT_FROM = 0.8;
/** Firefox and older Safari do not size a field by its text. */
const SIZES_ITSELF = CSS.supports("field-sizing", "content");
const PLAIN = { verb: "write", item: null };

/**
 * Where one writes: Enter sends, Shift+Enter makes a new line. It is never disabled: what is written offline waits. What is
 * written may be a reply or another text for a message; Escape makes it a message of its own again.
 */
export class Composer {
  #form;
  #barred;
  #text;
  #note;
  #counter;
  #context;
  #submit;
  #verbs;
  #most = Infinity;
  #purpose = PLAIN;
  #draft = "";

  /**
   * `barred` is shown where one may not write. `verbs` has `write(text)`, `reply(text, item)`, `edit(text, item)`: each returns
   * why not, or an empty string; `editLast()`.
   */
  constructor({ form, barred, verbs }) {
    this.#form = form;
    this.#barred = barred;
    this.#text = form.querySelector("textarea");
    this.#note = form.querySelector(".note");
    this.#counter = form.querySelector(".counter");
    this.#context = form.querySelector(".context");
    this.#submit = form.querySelector(".submit");
    this.#verbs = verbs;
    form.addEventListener("submit", (event) => this.#submitted(event));
    form.addEventListener("keydown", (event) => event.key === "Escape" && !isComposing(event) && this.#cancel());
    this.#context.querySelector("button").addEventListener("click", () => this.#cancel());
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#text.addEventListener("input", () => this.#edited());
    if (!SIZES_ITSELF) window.addEventListener("resize", () => this.#grow());
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

  /** Who may not write here is told why, in place of the field; what is in it stays there. */
  bar(sentence) {
    this.#form.hidden = sentence !== "";
    this.#barred.hidden = sentence === "";
    this.#barred.querySelector("p").textContent = sentence;
    this.#grow();
  }

  focus() {
    this.#text.focus();
  }

  /** What is written next answers a message. */
  reply(item) {
    this.#leaveEdit();
    this.#become({ verb: "reply", item }, t("Reply to"), t("{name}: {words}", { name: item.author.name || t("somebody"), words: preview(item) }));
  }

  /** Write a message anew. What was being written comes back afterwards. */
  edit(item) {
    if (this.#purpose.verb !== "edit") this.#draft = this.#text.value;
    this.#text.value = item.text;
    this.#become({ verb: "edit", item }, t("Edit your message"), "");
  }

  #become(purpose, words, about) {
    this.#purpose = purpose;
    this.#context.querySelector(".what").textContent = words;
    this.#context.querySelector("bdi").textContent = about;
    this.#context.hidden = purpose === PLAIN;
    this.#submit.textContent = purpose.verb === "edit" ? t("Save") : t("Send");
    this.#edited();
    this.focus();
  }

  #cancel() {
    if (this.#purpose === PLAIN) return;
    this.#leaveEdit();
    this.#become(PLAIN, "", "");
  }

  #leaveEdit() {
    if (this.#purpose.verb !== "edit") return;
    this.#text.value = this.#draft;
    this.#draft = "";
  }

  #pressed(event) {
    if (isComposing(event)) return;
    const { key, shiftKey } = event;
    const isPlainUp = key === "ArrowUp" && this.#purpose === PLAIN && this.#text.value === "";
    if (isPlainUp && this.#verbs.editLast()) event.preventDefault();
    if (key !== "Enter" || shiftKey) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #submitted(event) {
    event.preventDefault();
    const { verb, item } = this.#purpose;
    const refused = this.#verbs[verb](this.#text.value, item);
    if (!refused) this.#done();
    this.#edited();
    if (refused) this.say(refused);
    this.focus();
  }

  #done() {
    this.#text.value = "";
    this.#cancel();
  }

  #edited() {
    const size = byteLength(this.#text.value);
    const over = size > this.#most;
    this.#counter.textContent = size >= COUNT_FROM * this.#most ? t("{size} of {most} bytes", { size, most: this.#most }) : "";
    this.#form.classList.toggle("over", over);
    this.#text.setAttribute("aria-invalid", String(over));
    this.say(over ? t("This is too long to send.") : "");
    this.#grow();
  }

  /** As high as its text, and the style sheet's limit; while it is hidden it has no height. */
  #grow() {
    if (SIZES_ITSELF) return;
    const text = this.#text;
    text.style.blockSize = "auto";
    const edges = text.offsetHeight - text.clientHeight;
    if (text.scrollHeight > 0) text.style.blockSize = `${text.scrollHeight + edges}px`;
  }
}

/** Enter that ends an input method's composition is not Enter. Safari tells so by key code 229 alone. */
function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}
