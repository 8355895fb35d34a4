import { keyOf } from "../client/emoji.js";
import { several, t } from "../client/words.js";
import { button, element } from "./element.js";

/** How many names stand in a chip's title. */
const MOST_NAMED = 5;
/** How many people are remembered by name; who reacts has mostly spoken of late. */
const MAX_NAMES = 2000;

/** Who is called what, as far as they have spoken here. */
export class Names {
  #names = new Map();

  learn({ id, name }) {
    if (!id) return;
    this.#names.delete(id);
    this.#names.set(id, name);
    if (this.#names.size > MAX_NAMES) this.#names.delete(this.#names.keys().next().value);
  }

  /** Return in words who is meant: those known by name, and how many others. */
  list(ids, count, you) {
    const known = ids.filter((id) => id === you.id || this.#names.has(id)).slice(0, MOST_NAMED);
    const named = known.map((id) => (id === you.id ? t("you") : this.#names.get(id)));
    const others = count - named.length;
    if (others > 0) named.push(named.length === 0 ? people(others) : several(others, "{count} other", "{count} others"));
    if (named.length < 2) return named.join("");
    return t("{names} and {last}", { names: named.slice(0, -1).join(t(", ")), last: named.at(-1) });
  }
}

/**
 * Show a message's reactions in `root`: a chip for each emoji, pressed where one's own is among them. Chips that are there
 * already stay the same elements, so that the focus stays where it is.
 */
export function showReactions(root, { reactions, names, you, react }) {
  const chips = new Map([...root.children].map((chip) => [keyOf(chip.dataset.emoji), chip]));
  for (const { emoji, count, ids } of reactions) {
    const chip = chips.get(keyOf(emoji)) ?? root.appendChild(newChip(emoji, react));
    chips.delete(keyOf(emoji));
    spell(chip, emoji);
    const who = names.list(ids, count, you);
    chip.lastElementChild.textContent = String(count);
    chip.setAttribute("aria-pressed", String(ids.includes(you.id)));
    chip.setAttribute("aria-label", t("{emoji} {count}: {who}", { emoji, count, who }));
    chip.title = who;
  }
  for (const chip of chips.values()) remove(chip);
}

function newChip(emoji, react) {
  const chip = button("chip", "", () => react(chip.dataset.emoji, chip.getAttribute("aria-pressed") !== "true"));
  chip.dataset.emoji = emoji;
  chip.append(element("bdi", "emoji", emoji), " ", element("span", "count"));
  return chip;
}

/** What was typed in another spelling stands there as the server tells it, once it does. */
function spell(chip, emoji) {
  if (chip.dataset.emoji === emoji) return;
  chip.dataset.emoji = emoji;
  chip.firstElementChild.textContent = emoji;
}

function remove(chip) {
  if (chip === document.activeElement) chip.closest(".message").focus({ preventScroll: true });
  chip.remove();
}

function people(count) {
  return several(count, "{count} person", "{count} people");
}
