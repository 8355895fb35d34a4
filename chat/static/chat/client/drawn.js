/** What is drawn of a text: no more than a browser can lay out at once. The text itself is kept as it is. */

/** Marks on one letter that are drawn. Real texts have fewer: Tibetan up to eight, pointed Hebrew five, Vietnamese two. */
const MAX_MARKS = 8;
/** Marks of a run that are looked at; composing a run (NFC) may take the square of its length. */
const LOOKED_AT = 32;
// Invisible characters between the marks hide no run.
const PILE = /(\P{M}?)(\p{M}(?:\p{Cf}*\p{M}){8,})/gu;
/** A text of more than this is folded to less, so that something is left to unfold. */
const WHOLE = { characters: 2000, lines: 20 };
const HEAD = { characters: 1500, lines: 15 };
/** An unfolded text is laid out in blocks of so much, and only those in sight. */
const BLOCK = { characters: 1000, lines: 50 };
/** Without the end of a line, a piece ends at a blank if there is one among so many last characters. */
const BLANK_WITHIN = 200;
/** What belongs to the character before it. */
const JOINED = /^[\p{M}\u200c\u200d\u{1f3fb}-\u{1f3ff}]/u;
const MAX_JOINED = 16;

/** Return a text with at most eight marks on each letter. */
export function thinned(text) {
  return text.replace(PILE, (pile, base, marks) => {
    const some = marks.slice(0, 4 * LOOKED_AT).match(/\p{M}/gu).slice(0, LOOKED_AT);
    const composed = [...(base + some.join("")).normalize("NFC")];
    return composed.slice(0, MAX_MARKS + (base ? 1 : 0)).join("");
  });
}

/** Return where the head of a folded text ends; the text's length where it is not folded. */
export function headEnd(text) {
  return endOfPiece(text, 0, WHOLE) === text.length ? text.length : endOfPiece(text, 0, HEAD);
}

/** Return the ends of a text's blocks, in order. */
export function blockEnds(text) {
  const ends = [];
  for (let end = 0; end < text.length; ends.push(end)) end = endOfPiece(text, end, BLOCK);
  return ends;
}

/** Return where a piece of at most so much ends: behind a line, else behind a blank, else between two characters. */
function endOfPiece(text, start, { characters, lines }) {
  let end = start;
  for (let line = 0; line < lines && end < text.length; line += 1) {
    const next = text.indexOf("\n", end) + 1 || text.length;
    if (next - start > characters) return end > start ? end : endInLine(text, start + characters);
    end = next;
  }
  return end;
}

function endInLine(text, most) {
  const blank = text.slice(most - BLANK_WITHIN, most).search(/\s\S*$/);
  if (blank >= 0) return most - BLANK_WITHIN + blank + 1;
  for (let end = most; end > most - MAX_JOINED; end -= 1) if (!isJoined(text, end)) return end;
  return isInside(text, most) ? most - 1 : most;
}

function isJoined(text, at) {
  return isInside(text, at) || text[at - 1] === "\u200d" || JOINED.test(String.fromCodePoint(text.codePointAt(at)));
}

/** Whether a place is between the two halves of a character. */
function isInside(text, at) {
  return /[\udc00-\udfff]/.test(text[at]) && /[\ud800-\udbff]/.test(text[at - 1]);
}
