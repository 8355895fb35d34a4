import { element } from "./element.js";

/** Messages of one author within this time of each other are one group. */
const GROUP_MS = 5 * 60_000;

/**
 * Put day lines where the day changes, each with its present name, and mark the messages that continue a group.
 * `itemOf(node)` is the item that a line shows; `apart` begins a group; `days` are the reader's. Only what differs is touched, and no message moves.
 */
export function arrange(list, itemOf, now, days, apart = null) {
  let day = "";
  let before = null;
  let spare = null;
  for (const node of [...list.children]) {
    const item = itemOf(node);
    if (!item) {
      if (!node.classList.contains("day")) continue;
      spare?.remove();
      spare = node;
      continue;
    }
    const its = days.of(new Date(item.at)) || day;
    if (its !== day) {
      const line = spare ?? list.insertBefore(dayLine(), node);
      name(line, days.name(its, now), its);
      spare = null;
      before = null;
    }
    spare?.remove();
    spare = null;
    node.classList.toggle("continued", item !== apart && continues(before, item));
    day = its;
    before = item;
  }
  spare?.remove();
}

function dayLine() {
  const line = element("p", "line day");
  // The log says each message; that a day begins is for the eye, and for who goes through the lines.
  line.setAttribute("aria-live", "off");
  line.setAttribute("role", "separator");
  line.append(element("time"));
  return line;
}

function name(line, words, day) {
  const time = line.firstElementChild;
  if (time.textContent === words) return;
  time.textContent = words;
  time.dateTime = day;
  line.setAttribute("aria-label", words);
}

function continues(before, item) {
  if (before?.kind !== "message" || item.kind !== "message") return false;
  const same = before.author.id === item.author.id && before.author.name === item.author.name && before.own === item.own;
  return same && Math.abs(new Date(item.at) - new Date(before.at)) <= GROUP_MS;
}
