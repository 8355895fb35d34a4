import { later, t } from "../client/words.js";
import { button, element } from "./element.js";

const BEGINS = { room: later("This is where the room begins."), kept: later("Older messages are not kept here.") };

/** What stands above the first message: that older ones are being loaded, why not, or that there are none. */
export class Head {
  node = element("div", "line head");
  #words = element("span");
  #again;
  #state = { loading: false, begins: "", error: "" };

  /** `again()` loads older messages. */
  constructor({ again }) {
    this.#again = button("again", "", again);
    this.#again.hidden = true;
    this.node.setAttribute("aria-live", "off");
    this.node.append(this.#words, this.#again);
  }

  get failed() {
    return this.#state.error !== "";
  }

  /** Take the state of what lies before: {loading, begins, error}. */
  past(state) {
    this.#state = state;
  }

  /** Show it, where the first message that is loaded is there too. */
  show(isTop) {
    const { loading, begins, error } = this.#state;
    const words = !isTop ? "" : error || (loading ? t("Loading…") : t(BEGINS[begins] ?? ""));
    if (this.#words.textContent !== words) this.#words.textContent = words;
    this.#again.textContent = isTop && error ? t("Try again") : "";
    this.#again.hidden = this.#again.textContent === "";
  }
}
