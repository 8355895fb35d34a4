import { base64Length } from "./envelope.js";
import { isOffset } from "./position.js";

/**
 * An item is what a line of the page shows. A message's: {kind: "message", key, number, offset, author, text, bytes, at,
 * edited, deleted, replyTo, reactions, own, past, state: "waiting" | "sending" | "sent" | "failed", error, again, changes}.
 * `number` and `offset` are null in a volatile room and until the message is in the log; `bytes` is a binary message's size;
 * `reactions` are [{emoji, count, ids}]; `past` came by history; `changes` are one's own on their way (changes.js).
 */
const BLANK = {
  kind: "message",
  key: null,
  number: null,
  offset: null,
  author: { id: "", name: "", kind: "" },
  text: "",
  bytes: null,
  at: "",
  edited: false,
  deleted: false,
  replyTo: null,
  reactions: [],
  own: false,
  past: false,
  state: "sent",
  error: "",
  again: false,
};

/** Return a new item: a message without anything in it but these fields. */
export function newItem(fields) {
  return { ...BLANK, changes: [], ...fields };
}

/** Return the fields of an item that a message envelope's payload tells. */
export function fieldsOf({ author, text, data, at, key, message, offset, edited_at: editedAt, deleted, reply_to: replyTo, reactions }) {
  const durable = isOffset(offset) && Number.isSafeInteger(message);
  return {
    key: key ?? null,
    number: durable ? message : null,
    offset: durable ? offset : null,
    author: { id: words(author?.id), name: words(author?.name), kind: words(author?.kind) },
    text: words(text),
    bytes: typeof data === "string" ? base64Length(data) : null,
    at: words(at),
    edited: typeof editedAt === "string",
    deleted: deleted === true,
    replyTo: Number.isSafeInteger(replyTo) ? replyTo : null,
    reactions: reactionsOf(reactions),
    state: "sent",
    error: "",
    again: false,
  };
}

/** Return the fields that a change which leaves the text alone tells: those of the parts that it names. */
export function partsOf({ offset, reactions }) {
  return reactions === undefined ? { offset } : { offset, reactions: reactionsOf(reactions) };
}

/** Return what the server's own word shows. */
export function broadcastItem({ name, text, at }) {
  return { kind: "broadcast", name: words(name), text: words(text), at: words(at), number: null, past: false };
}

/** Return a value if it is text, else the empty string. */
export function words(value) {
  return typeof value === "string" ? value : "";
}

function reactionsOf(reactions) {
  return Object.entries(reactions ?? {})
    .filter(([, told]) => told?.count > 0)
    .map(([emoji, { count, ids }]) => ({ emoji, count, ids: Array.isArray(ids) ? ids : [] }));
}
