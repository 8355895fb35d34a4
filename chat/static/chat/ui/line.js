import { expected } from "../client/changes.js";
import { thinned } from "../client/drawn.js";
import { later, several, t } from "../client/words.js";
import { button, element } from "./element.js";
import { Names, showReactions } from "./reactions.js";
import { putWords, showText } from "./text.js";

const STATES = { waiting: later("Waiting"), sending: later("Sending…"), sent: "", failed: later("Not sent") };
/** How much of a message is quoted where it is replied to; the rest is one press away. */
const QUOTED_CHARACTERS = 140;

/** Makes and renews the lines of items. */
export class Lines {
  #room;
  #you;
  #goTo;
  #clock;
  #names = new Names();
  #shown = new WeakMap();

  /** `room` is the client's; `you()` is who one is; `goTo(number)` leads to a message; `clock` is the reader's. */
  constructor({ room, you, goTo, clock }) {
    this.#room = room;
    this.#you = you;
    this.#goTo = goTo;
    this.#clock = clock;
  }

  /** Return the element of an item. */
  create(item) {
    return item.kind === "broadcast" ? broadcastLine(item, this.#clock) : this.#messageLine(item);
  }

  /** Show an item's present state in its element. */
  renew(node, item) {
    if (item.kind === "broadcast") return;
    this.#names.learn(item.author);
    const seen = expected(item, this.#you());
    node.id = item.number === null ? "" : `message-${item.number}`;
    node.classList.remove(...Object.keys(STATES));
    node.classList.toggle("own", item.own);
    node.classList.toggle("other", !item.own);
    node.classList.toggle("deleted", item.deleted);
    node.classList.toggle("changing", seen.waiting !== "");
    node.classList.add(item.state);
    node.querySelector(".author").textContent = item.author.name || t("somebody");
    node.querySelector(".you").textContent = item.own ? ` ${t("(you)")}` : "";
    node.querySelector(".tag").textContent = item.author.kind === "guest" && !item.own ? ` ${t("guest")}` : "";
    this.#renewWords(node, item, seen);
    this.#renewQuote(node.querySelector(".quote"), item);
    this.#renewFoot(node, item, seen);
    this.#renewReactions(node.querySelector(".reactions"), item, seen);
  }

  #messageLine(item) {
    const node = element("article", "line message");
    node.tabIndex = -1;
    if (item.past) node.setAttribute("aria-live", "off");
    const head = element("header");
    head.append(element("bdi", "author"), element("span", "you"), element("span", "tag"));
    const quote = element("a", "quote");
    quote.addEventListener("click", (event) => {
      event.preventDefault();
      this.#goTo(item.replyTo);
    });
    const body = element("div", "body");
    body.append(element("p"), this.#foot(item));
    const reactions = element("div", "reactions");
    reactions.setAttribute("aria-live", "off");
    node.append(head, quote, body, reactions);
    this.renew(node, item);
    return node;
  }

  #foot(item) {
    const node = element("footer");
    const retry = button("retry", t("Send again"), () => this.#room.retry(item));
    const discard = button("discard", t("Discard"), () => this.#room.discard(item));
    node.append(element("span", "edited"), element("span", "state"), retry, discard, element("time"));
    return node;
  }

  #renewWords(node, item, { text, deleted }) {
    const shown = JSON.stringify([text, deleted, item.bytes]);
    // What is not changed stays as it is, with what somebody has selected in it.
    if (this.#shown.get(node) === shown) return;
    this.#shown.set(node, shown);
    const body = node.querySelector(".body");
    if (deleted) putWords(body, element("p", "gone", t("Message deleted")));
    else if (item.bytes !== null) putWords(body, element("p", "binary", binary(item.bytes)));
    else showText(body, text);
  }

  #renewQuote(quote, { replyTo, deleted }) {
    quote.hidden = replyTo === null || deleted;
    if (quote.hidden) return;
    quote.href = `#message-${replyTo}`;
    const other = this.#room.message(replyTo);
    const name = element("bdi", "quoted-author", other?.author.name ?? t("Message {number}", { number: replyTo }));
    const text = element("bdi", "quoted-text", other ? preview(other) : "");
    quote.replaceChildren(element("span", "unseen", `${t("In reply to")} `), name, " ", text);
  }

  #renewFoot(node, item, { edited, deleted, waiting }) {
    const state = [t(STATES[item.state]), item.state === "sent" ? waiting : "", item.error].filter(Boolean).join(t(": "));
    node.classList.toggle("troubled", item.error !== "");
    node.querySelector(".edited").textContent = edited && !deleted ? t("edited") : "";
    node.querySelector(".state").textContent = state;
    node.querySelector(".retry").hidden = !(item.state === "failed" && item.again);
    node.querySelector(".discard").hidden = item.state !== "failed";
    node.querySelector("footer > time").replaceWith(this.#clock.element(item.at));
  }

  #renewReactions(root, item, { reactions, deleted }) {
    const react = (emoji, on) => this.#room.react(item, emoji, on);
    showReactions(root, { reactions: deleted ? [] : reactions, names: this.#names, you: this.#you(), react });
  }
}

/** Return a message in one short line. */
export function preview({ text, bytes, deleted }) {
  if (deleted) return t("Message deleted");
  if (bytes !== null) return binary(bytes);
  const line = thinned(text.slice(0, 4 * QUOTED_CHARACTERS)).replace(/\s+/gu, " ").trim();
  const characters = [...line];
  return characters.length > QUOTED_CHARACTERS ? `${characters.slice(0, QUOTED_CHARACTERS).join("")}…` : line;
}

function binary(bytes) {
  return several(bytes, "binary, {count} byte", "binary, {count} bytes");
}

function broadcastLine({ text, at }, clock) {
  const node = element("p", "line broadcast");
  // A word every few seconds would drown what a screen reader tells of the people.
  node.setAttribute("aria-live", "off");
  const words = element("bdi", "text", thinned(text));
  words.dir = "auto";
  node.append(words);
  if (at) node.title = clock.moment(at);
  return node;
}
