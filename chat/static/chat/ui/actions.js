import { later, t } from "../client/words.js";
import { button, element } from "./element.js";

const EMOJI = ["👍", "❤️", "😂", "🎉", "😮", "😢"];
const LONG_PRESS_MS = 500;
/** A finger that rests still moves by so many CSS pixels. */
const STILL = 10;
/** A message that stands nearer to the list's top has its actions below it. */
const ROOM_ABOVE = 90;
const DELETE = later("Delete");
const REALLY = later("Really delete?");

/**
 * What one may do with a message: a toolbar in the message that the mouse is on, that has the keyboard's focus, or that a
 * finger rests on. Arrow keys go from message to message; Enter goes into the toolbar, Escape out of it.
 */
export class Actions {
  #list;
  #itemOf;
  #may;
  #verbs;
  #node = null;
  #root = element("div", "actions");
  #tools = element("div", "tools");
  #picker = element("form", "picker");
  #react;
  #delete;
  #buttons;
  #press = { cancel: () => {}, x: 0, y: 0 };

  /** `may(item)` tells {reply, react, edit, delete}; `verbs` has `reply(item)`, `edit(item)`, `delete(item)`, `react(item, emoji)`. */
  constructor({ list, itemOf, may, verbs, adapters }) {
    this.#list = list;
    this.#itemOf = itemOf;
    this.#may = may;
    this.#verbs = verbs;
    this.#build();
    this.#listenToMouse();
    this.#listenToFingers(adapters);
    this.#listenToKeys();
  }

  // The toolbar

  #build() {
    this.#react = button("act", t("React"), () => this.#pick(this.#picker.hidden));
    this.#delete = button("act", t(DELETE), () => this.#askToDelete());
    this.#buttons = {
      react: this.#react,
      reply: button("act", t("Reply"), () => this.#do("reply")),
      edit: button("act", t("Edit"), () => this.#do("edit")),
      delete: this.#delete,
    };
    this.#delete.addEventListener("blur", () => (this.#delete.textContent = t(DELETE)));
    this.#react.setAttribute("aria-expanded", "false");
    this.#tools.setAttribute("role", "toolbar");
    this.#tools.setAttribute("aria-label", t("Message actions"));
    this.#root.setAttribute("aria-live", "off");
    this.#tools.append(...Object.values(this.#buttons));
    this.#buildPicker();
    this.#root.append(this.#picker, this.#tools);
  }

  #buildPicker() {
    for (const emoji of EMOJI) {
      const choice = button("choice", emoji, () => this.#reactWith(emoji));
      choice.setAttribute("aria-label", t("React with {emoji}", { emoji }));
      this.#picker.append(choice);
    }
    const other = element("input");
    other.setAttribute("aria-label", t("Another emoji"));
    other.placeholder = t("Other");
    other.maxLength = 16;
    other.autocomplete = "off";
    this.#picker.append(other);
    this.#picker.hidden = true;
    this.#picker.addEventListener("submit", (event) => {
      event.preventDefault();
      if (other.value.trim()) this.#reactWith(other.value.trim());
      other.value = "";
    });
  }

  /** Show the toolbar in a message, unless it is in use elsewhere. */
  #show(node) {
    if (node === this.#node && this.#root.isConnected) return;
    if (this.#inUse) return;
    const item = this.#itemOf(node);
    const may = item ? this.#may(item) : {};
    for (const [verb, tool] of Object.entries(this.#buttons)) tool.hidden = !may[verb];
    this.#hide();
    if (!Object.values(may).some(Boolean)) return;
    this.#node = node;
    const above = node.getBoundingClientRect().top - this.#list.getBoundingClientRect().top;
    this.#root.classList.toggle("below", above < ROOM_ABOVE);
    node.append(this.#root);
  }

  #hide() {
    // First, since what has the focus says that it loses it while it is removed.
    this.#node = null;
    this.#pick(false);
    this.#root.remove();
  }

  get #inUse() {
    return this.#root.contains(document.activeElement) || !this.#picker.hidden;
  }

  #pick(open) {
    this.#picker.hidden = !open;
    this.#react.setAttribute("aria-expanded", String(open));
    if (open) this.#picker.querySelector("button").focus();
  }

  #do(verb, ...words) {
    const node = this.#node;
    const item = this.#itemOf(node);
    this.#hide();
    if (!item) return;
    // Where a verb leads elsewhere it takes the focus from here.
    node.focus({ preventScroll: true });
    this.#verbs[verb](item, ...words);
  }

  #reactWith(emoji) {
    this.#do("react", emoji);
  }

  /** A message is deleted for ever: the second press does it. */
  #askToDelete() {
    if (this.#delete.textContent === t(REALLY)) {
      this.#delete.textContent = t(DELETE);
      this.#do("delete");
    } else this.#delete.textContent = t(REALLY);
  }

  // Mouse, fingers, keys

  #listenToMouse() {
    this.#list.addEventListener("pointerover", (event) => {
      if (event.pointerType !== "mouse") return;
      const node = messageOf(event.target);
      if (node) this.#show(node);
    });
    this.#list.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !this.#inUse && document.activeElement !== this.#node) this.#hide();
    });
    document.addEventListener("pointerdown", (event) => {
      if (this.#node && !this.#node.contains(event.target)) this.#hide();
    });
  }

  #listenToFingers(adapters) {
    this.#list.addEventListener("pointerdown", (event) => {
      const node = messageOf(event.target);
      this.#press.cancel();
      if (event.pointerType === "mouse" || !node) return;
      const cancel = adapters.after(LONG_PRESS_MS, () => this.#show(node));
      this.#press = { cancel, x: event.clientX, y: event.clientY };
    });
    this.#list.addEventListener("pointermove", ({ clientX, clientY }) => {
      if (Math.hypot(clientX - this.#press.x, clientY - this.#press.y) > STILL) this.#press.cancel();
    });
    for (const end of ["pointerup", "pointercancel"]) this.#list.addEventListener(end, () => this.#press.cancel());
  }

  #listenToKeys() {
    this.#list.addEventListener("focusin", ({ target }) => target !== this.#list && this.#entered(messageOf(target)));
    this.#list.addEventListener("focusout", ({ relatedTarget }) => {
      if (this.#node && !this.#node.contains(relatedTarget)) this.#hide();
    });
    this.#list.addEventListener("keydown", (event) => {
      const handled = this.#root.contains(event.target) ? this.#toolKey(event) : this.#messageKey(event);
      if (handled) event.preventDefault();
    });
  }

  /** One message at a time is where Tab leads: the last one that was gone to. */
  #entered(node) {
    if (!node) return;
    for (const other of this.#list.querySelectorAll('.message[tabindex="0"]')) other.tabIndex = -1;
    node.tabIndex = 0;
    this.#show(node);
  }

  #messageKey({ key, target, shiftKey, altKey, ctrlKey, metaKey }) {
    if (altKey || ctrlKey || metaKey) return false;
    const node = target === this.#list ? null : messageOf(target);
    if (key === "ArrowUp" || key === "ArrowDown") return this.#step(node, key === "ArrowUp" ? -1 : 1);
    if (!node || target !== node) return false;
    if (key === "Enter" || key === "ContextMenu" || (key === "F10" && shiftKey)) return this.#enter(node);
    if (key !== "Escape") return false;
    this.#list.focus({ preventScroll: true });
    return true;
  }

  #toolKey({ key, target }) {
    if (key === "Escape") return this.#leave();
    if (target.tagName === "INPUT" || (key !== "ArrowLeft" && key !== "ArrowRight")) return false;
    const tools = [...target.parentElement.querySelectorAll("button:not([hidden])")];
    const step = (key === "ArrowRight" ? 1 : -1) * (getComputedStyle(this.#list).direction === "rtl" ? -1 : 1);
    tools[(tools.indexOf(target) + step + tools.length) % tools.length].focus();
    return true;
  }

  /** Go to the next message, or into the list where one sees it. */
  #step(node, step) {
    const all = [...this.#list.querySelectorAll(".message")];
    const next = node ? all[all.indexOf(node) + step] : this.#lastInSight(all);
    next?.focus();
    return Boolean(next);
  }

  #lastInSight(all) {
    const { bottom } = this.#list.getBoundingClientRect();
    return all.findLast((node) => node.getBoundingClientRect().top < bottom);
  }

  #enter(node) {
    this.#show(node);
    const first = this.#node === node && this.#tools.querySelector("button:not([hidden])");
    if (first) first.focus();
    return Boolean(first);
  }

  #leave() {
    if (!this.#picker.hidden) {
      this.#pick(false);
      this.#react.focus();
    } else this.#node.focus({ preventScroll: true });
    return true;
  }
}

function messageOf(target) {
  return target.closest?.(".message") ?? null;
}
