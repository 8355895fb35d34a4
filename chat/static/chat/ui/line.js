import { element } from "./element.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const STATES = { waiting: "Waiting", sending: "Sending…", sent: "", failed: "Not sent" };

/** Return the element of an item; `retry(item)` is what its button does. */
export function newLine(item, retry) {
  return item.kind === "broadcast" ? broadcastLine(item) : messageLine(item, retry);
}

/** Show an item's present state in its element. */
export function renewLine(node, item) {
  node.className = `line message ${item.own ? "own" : "other"} ${item.state}`;
  node.querySelector(".author").textContent = item.author.name || "somebody";
  node.querySelector("time").replaceWith(clock(item.at));
  node.querySelector(".state").textContent = [STATES[item.state], item.error].filter(Boolean).join(": ");
  node.querySelector(".retry").hidden = !(item.state === "failed" && item.again);
}

function messageLine(item, retry) {
  const node = element("article");
  const head = element("header");
  head.append(element("bdi", "author"), " ", element("time"));
  node.append(head, body(item), foot(item, retry));
  renewLine(node, item);
  return node;
}

function body({ text, bytes }) {
  if (bytes !== null) return element("p", "binary", `binary, ${bytes} ${bytes === 1 ? "byte" : "bytes"}`);
  const node = element("p", "text", text);
  node.dir = "auto";
  return node;
}

function foot(item, retry) {
  const node = element("footer");
  const button = element("button", "retry", "Send again");
  button.type = "button";
  button.addEventListener("click", () => retry(item));
  node.append(element("span", "state"), button);
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
