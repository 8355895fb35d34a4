import { element } from "./element.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** Return a moment's time of day as an element; an empty one where it is no moment. */
export function clock(at) {
  const node = element("time");
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return node;
  node.dateTime = at;
  node.title = moment(at);
  node.textContent = CLOCK.format(date);
  return node;
}

/** Return a moment in full, as people write it. */
export function moment(at) {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "" : MOMENT.format(date);
}
