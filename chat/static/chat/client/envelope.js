/** One envelope is {type, id?, payload}; the server's frames hold one or more, separated by newlines (docs/protocol.md). */

const utf8 = new TextEncoder();
// ignoreBOM keeps a U+FEFF that somebody typed first.
const fromUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Return a client's frame: one envelope. Without an id the server sends no ack; without a payload none is written. */
export function encode(type, payload, id) {
  return JSON.stringify({ type, id, payload });
}

/** Return the envelopes of a server's frame, in order; what is no envelope goes to `odd(line)` and is left out. */
export function decode(frame, odd) {
  const envelopes = [];
  for (const line of frame.split("\n")) {
    const envelope = readEnvelope(line);
    if (envelope) envelopes.push(envelope);
    else if (line.trim() !== "") odd(line);
  }
  return envelopes;
}

function readEnvelope(line) {
  const value = parse(line);
  if (!isObject(value) || typeof value.type !== "string") return null;
  const envelope = { type: value.type, payload: isObject(value.payload) ? value.payload : {} };
  if (value.id !== undefined && value.id !== null) envelope.id = value.id;
  return envelope;
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // The caller tells of it.
  }
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Return a text's size as the server counts it: bytes of UTF-8. */
export function byteLength(text) {
  return utf8.encode(text).length;
}

/** Return a text without lone surrogates (half an emoji, cut by a script or a paste): the server refuses them. */
export function wellFormed(text) {
  return fromUtf8.decode(utf8.encode(text));
}

/** Return how many bytes a base64 text stands for. */
export function base64Length(text) {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return Math.floor((text.length * 3) / 4) - padding;
}
