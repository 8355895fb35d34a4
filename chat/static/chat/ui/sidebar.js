import { t } from "../client/words.js";
import { element } from "./element.js";

const MOST = 99;

/** The rooms that one is in: beside the messages, or in a drawer where there is no place for it. */
export class Sidebar {
  #root;
  #lists;
  #drawer;
  #current;

  /** `root` holds the lists, `drawer` opens it on narrow screens, `current` is the room that the page shows. */
  constructor({ root, drawer, current }) {
    this.#root = root;
    this.#lists = { rooms: root.querySelector("#my-rooms"), direct: root.querySelector("#my-direct") };
    this.#drawer = drawer;
    this.#current = current;
    // Wide enough, it stands beside the messages again.
    matchMedia("(min-width: 60rem)").addEventListener("change", () => root.matches(":popover-open") && root.hidePopover());
  }

  /** Show one's rooms, in their order. Lines that are there already stay the same elements, and keep the focus. */
  show(rooms) {
    const known = new Map([...this.#root.querySelectorAll("li[data-room]")].map((node) => [node.dataset.room, node]));
    for (const [name, list] of Object.entries(this.#lists)) {
      const wanted = rooms.filter(({ kind }) => (kind === "direct") === (name === "direct"));
      wanted.forEach((room, place) => put(list, place, this.#line(known.get(room.room), room)));
      for (const { room } of wanted) known.delete(room);
    }
    for (const node of known.values()) node.remove();
    const elsewhere = rooms.filter(({ room }) => room !== this.#current).reduce((sum, { unread }) => sum + unread, 0);
    showBadge(this.#drawer.querySelector(".badge"), elsewhere);
  }

  #line(node, room) {
    const line = node ?? newLine(room.room, room.room === this.#current);
    line.classList.toggle("unread", room.unread > 0);
    line.classList.toggle("archived", room.archived);
    line.querySelector(".sign").dataset.kind = room.kind;
    const title = line.querySelector(".called");
    if (title.textContent !== room.title) title.textContent = room.title;
    let badge = line.querySelector(".badge");
    if (!badge) line.firstElementChild.append((badge = element("span", "badge")));
    showBadge(badge, room.unread);
    badge.classList.toggle("mentioned", room.mentions > 0);
    return line;
  }
}

function newLine(slug, isCurrent) {
  const line = element("li");
  line.dataset.room = slug;
  const link = element("a");
  link.href = `/rooms/${slug}`;
  if (isCurrent) link.setAttribute("aria-current", "page");
  const sign = element("span", "sign");
  sign.setAttribute("aria-hidden", "true");
  link.append(sign, element("bdi", "called"));
  line.append(link);
  return line;
}

function showBadge(badge, count) {
  badge.hidden = count === 0;
  badge.replaceChildren(count > MOST ? `${MOST}+` : String(count), element("span", "unseen", ` ${t("unread")}`));
}

/** Only what is not in its place moves: an element that moves loses the focus. */
function put(list, place, node) {
  if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
}
