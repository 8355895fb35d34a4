/** Web addresses in a text: where they begin and end, and which of them may be followed. */

// Up to the next space, or to what people put around an address.
const CANDIDATE = /\bhttps?:\/\/[^\s<>"`{}|\\^]+/giu;
const CLOSERS = new Map([[")", "("], ["]", "["], ["）", "（"], ["」", "「"], ["】", "【"]]);
const SENTENCE_END = /[.,:;!?…'’”»*_。，、；：！？]/u;
// Invisible characters, bidi controls among them, make an address look like another one.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u;

/** Return a text's parts in order: {text, href}; joined, their texts are the text. `href` is null where nothing is linked. */
export function parts(text) {
  const found = [];
  let end = 0;
  for (const { 0: candidate, index } of text.matchAll(CANDIDATE)) {
    const address = trimmed(candidate);
    const href = target(address, candidate);
    if (href === null) continue;
    if (index > end) found.push({ text: text.slice(end, index), href: null });
    found.push({ text: address, href });
    end = index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end), href: null });
  return found;
}

/** Return an address without the end of the sentence, or the bracket, that it stands in; one pass, however long it is. */
function trimmed(candidate) {
  const spare = new Map([...CLOSERS].map(([closer, opener]) => [closer, count(candidate, closer) - count(candidate, opener)]));
  let end = candidate.length;
  for (;;) {
    const last = candidate[end - 1];
    const left = spare.get(last) ?? 0;
    if (left > 0) spare.set(last, left - 1);
    else if (!SENTENCE_END.test(last)) return candidate.slice(0, end);
    end -= 1;
  }
}

function count(text, character) {
  return text.split(character).length - 1;
}

/** Return where an address leads; null where it does not parse, names a user or could deceive. */
function target(address, candidate) {
  if (INVISIBLE.test(candidate)) return null;
  const url = parse(address);
  const authority = address.split("/")[2].split(/[?#]/)[0];
  return url === null || authority.includes("@") ? null : url.href;
}

function parse(address) {
  try {
    return new URL(address);
  } catch {
    return null; // It stays text.
  }
}
