import { t } from "../client/words.js";

const TICK_MS = 250;

/** One line that says how the connection is; while it waits: why, and for how long. */
export class Status {
  #root;
  #words;
  #latency;
  #countdown;
  #button;
  #adapters;
  #cancelTick = () => {};

  /** `again()` connects at once. */
  constructor({ root, adapters, again }) {
    this.#root = root;
    this.#words = root.querySelector(".words");
    this.#latency = root.querySelector(".latency");
    this.#countdown = root.querySelector(".countdown");
    this.#button = root.querySelector("button");
    this.#adapters = adapters;
    this.#button.addEventListener("click", again);
  }

  /** Show a state of the connection: {name, cause, at}. */
  show({ name, cause, at }) {
    this.#cancelTick();
    this.#set(name, wordsFor(name, cause));
    this.#countdown.textContent = "";
    if (name !== "open") this.#latency.textContent = "";
    this.#button.hidden = name !== "waiting" && name !== "stopped";
    if (name === "waiting") this.#count(at);
  }

  /** The room is joined: now one can be heard. */
  joined() {
    this.#set("joined", t("Connected"));
  }

  /** The room does not let one in. */
  refused(sentence) {
    this.#set("stopped", t("Not in the room: {sentence}", { sentence }));
  }

  /** How long the server's answer took. It stands beside the words that are read aloud: it changes too often for that. */
  roundTrip(ms) {
    this.#latency.textContent = t("{ms} ms", { ms });
  }

  #set(name, words) {
    this.#root.dataset.state = name;
    // Only what differs, since a screen reader says it.
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }

  #count(at) {
    const left = Math.max(0, Math.ceil((at - this.#adapters.now()) / 1000));
    const words = left > 0 ? t("Next try in {left} s.", { left }) : t("Trying…");
    if (this.#countdown.textContent !== words) this.#countdown.textContent = words;
    this.#cancelTick = this.#adapters.after(TICK_MS, () => this.#count(at));
  }
}

function wordsFor(name, cause) {
  switch (name) {
    case "connecting":
      return t("Connecting…");
    case "open":
      return t("Joining…");
    case "waiting":
      return t("Offline: {cause}.", { cause });
    default:
      return cause ? t("Disconnected: {cause}.", { cause }) : t("Disconnected.");
  }
}
