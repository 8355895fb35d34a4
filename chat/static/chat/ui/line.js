import { parts } from "../client/links.js";
import { element } from "./element.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const STATES = { waiting: "Waiting", sending: "Sending…", sent: "", failed: "Not sent" };

/** Return the element of an item; `retry(item)` is what its button does. */
export function newLine(item, retry) {
  return item.kind === "broadcast" ? broadcastLine(item) : messageLine(item, retry);
}

/** Show an item's present state in its element. */
export function renewLine(node, item) {
  node.classList.remove("own", "other", ...Object.keys(STATES));
  node.classList.add(item.own ? "own" : "other", item.state);
  node.querySelector(".author").textContent = item.author.name || "somebody";
  node.querySelector(".you").textContent = item.own ? " (you)" : "";
  node.querySelector("time").replaceWith(clock(item.at));
  node.querySelector(".state").textContent = [STATES[item.state], item.error].filter(Boolean).join(": ");
  node.querySelector(".retry").hidden = !(item.state === "failed" && item.again);
}

function messageLine(item, retry) {
  const node = element("article", "line message");
  const head = element("header");
  head.append(element("bdi", "author"), element("span", "you"));
  const body = element("div", "body");
  body.append(words(item), foot(item, retry));
  node.append(head, body);
  renewLine(node, item);
  return node;
}

function words({ text, bytes }) {
  if (bytes !== null) return element("p", "binary", `binary, ${bytes} ${bytes === 1 ? "byte" : "bytes"}`);
  const node = element("p", "text");
  node.dir = "auto";
  node.append(...parts(text).map((part) => (part.href === null ? part.text : link(part))));
  return node;
}

/** What is typed is what is shown; the other side learns neither this page nor gets hold of it. */
function link({ text, href }) {
  const node = element("a", "", text);
  node.href = href;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  return node;
}

function foot(item, retry) {
  const node = element("footer");
  const button = element("button", "retry", "Send again");
  button.type = "button";
  button.addEventListener("click", () => retry(item));
  node.append(element("span", "state"), button, element("time"));
  return node;
}

function broadcastLine({ text, at }) {
  const node = element("p", "line broadcast");
  // A word every few seconds would drown what a screen reader tells of the people.
  node.setAttribute("aria-live", "off");
  const words = element("bdi", "text", text);
  words.dir = "auto";
  node.append(words);
  if (at) node.title = moment(new Date(at));
  return node;
}

function clock(at) {
  const node = element("time");
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return node;
  node.dateTime = at;
  node.title = moment(date);
  node.textContent = CLOCK.format(date);
  return node;
}

function moment(date) {
  return Number.isNaN(date.getTime()) ? "" : MOMENT.format(date);
}
