/** A preview in words of what a form's values will do, asked of the server while somebody types. */

const PAUSE = 200; // milliseconds without a key: whole words are asked for, not letters
const FAILED = "No preview: the server does not answer.";
const SIGNED_OUT = "No preview: you are no longer signed in.";

const value = (field) => (field.type === "checkbox" ? (field.checked ? "on" : "") : field.value);

class Preview {
  constructor(root, fields) {
    this.root = root;
    this.fields = fields;
    this.timer = 0;
    this.asked = null;
    for (const [, field] of fields) {
      field.addEventListener("input", () => this.soon());
      field.addEventListener("change", () => this.soon());
    }
    this.ask();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE);
  }

  async ask() {
    // Only the last question counts: an answer to an older one would overwrite a newer one's.
    this.asked?.abort();
    const asked = (this.asked = new AbortController());
    const query = new URLSearchParams(this.fields.map(([name, field]) => [name, value(field)]));
    try {
      const answer = await fetch(`${this.root.dataset.preview}?${query}`, { signal: asked.signal });
      const words = answer.redirected ? [SIGNED_OUT] : (await answer.json()).words;
      if (!asked.signal.aborted) this.show(words);
    } catch {
      if (!asked.signal.aborted) this.show([FAILED]);
    }
  }

  show(words) {
    if (words.join("\n") === [...this.root.children].map((node) => node.textContent).join("\n")) return;
    this.root.replaceChildren(
      ...words.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })),
    );
  }
}

for (const root of document.querySelectorAll("[data-preview]")) {
  const fields = root.dataset.fields.split(" ").map((name) => [name, document.getElementById(`id_${name}`)]);
  // Somebody who may only view has no fields to type in.
  if (fields.every(([, field]) => field)) new Preview(root, fields);
}
