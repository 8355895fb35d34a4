import { t } from "../client/words.js";
import { button, element } from "./element.js";

/** What stands below the last message where newer ones are not held: there is more, and how to get there. */
export class Foot {
  #node = element("div", "line foot");
  #words = element("span");
  #state = { loading: false, error: "" };

  /** `verbs` has `again()`, which loads newer messages, and `toNewest()`. */
  constructor(verbs) {
    const act = button("again", "", () => (this.failed ? verbs.again() : verbs.toNewest()));
    this.#node.setAttribute("aria-live", "off");
    this.#node.append(this.#words, act);
  }

  get failed() {
    return this.#state.error !== "";
  }

  /** Take the state of what lies after: {loading, error}. */
  later(state) {
    this.#state = state;
  }

  /** Show it at the end of a list, or before what is not sent yet; or not at all. */
  show(isShown, list, before = null) {
    if (!isShown) {
      this.#node.remove();
      return;
    }
    const { loading, error } = this.#state;
    const words = error || (loading ? t("Loading…") : t("Newer messages are not loaded here."));
    if (this.#words.textContent !== words) this.#words.textContent = words;
    this.#node.lastElementChild.textContent = error ? t("Try again") : t("Go to the newest");
    if (!this.#node.isConnected || this.#node.nextElementSibling !== before) list.insertBefore(this.#node, before);
  }
}
