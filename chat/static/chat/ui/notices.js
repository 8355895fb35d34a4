import { t, told } from "../client/words.js";
import { button, element } from "./element.js";

const MOST = 3;

/** What the server tells one person: stays until it is put away, the newest few of it. */
export class Notices {
  #list;

  constructor({ list }) {
    this.#list = list;
  }

  show({ text, level }) {
    if (typeof text !== "string" || text === "") return;
    const line = element("p", level === "warning" || level === "error" ? level : "");
    const away = button("away", "×", () => line.remove());
    away.setAttribute("aria-label", t("Put away"));
    line.append(element("bdi", "", told(text)), away);
    this.#list.append(line);
    while (this.#list.children.length > MOST) this.#list.firstElementChild.remove();
  }
}
