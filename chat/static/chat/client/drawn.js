/** What is drawn of a text: no more than a browser can lay out at once. The text itself is kept as it is. */

import { firstShown } from "./shown.js";

/** Marks on one letter that are drawn. Real texts have fewer: Tibetan up to eight, pointed Hebrew five, Vietnamese two. */
const MAX_MARKS = 8;
/** Marks of a run that are looked at; composing a run (NFC) may take the square of its length. */
const LOOKED_AT = 32;
// Invisible characters between the marks hide no run.
const PILE = /(\P{M}?)(\p{M}(?:\p{Cf}*\p{M}){8,})/gu;
/** A text of more than this is folded to less, so that something is left to unfold. */
const WHOLE = { characters: 2000, lines: 20, least: 0 };
/** A head that would end behind a short line goes on into the next one. */
const HEAD = { characters: 1500, lines: 15, least: 0.5 };
/** An unfolded text is laid out in blocks of so much, and only those in sight. */
const BLOCK = { characters: 1000, lines: 50, least: 0 };
/** Tabs, and letters of scripts that texts seldom mix: not Latin, punctuation, Chinese, Japanese, Korean, emoji. */
const COSTLY = /[\t\u0370-\u1dff\u2100-\u25ff\u27c0-\u2aff\u2c00-\u2dff\ua000-\uabff\u{10000}-\u{1efff}]/gu;
/** A tab is as wide as so many letters. */
const TAB = 8;
/** To go on in another script, with a font that is looked for, takes a browser as long as so many letters; a few are free. */
const CHANGE = 8;
const FREE_CHANGES = 150;
/** Scripts are told apart by these bits of a letter's number: the neighbours of most have the same. */
const SCRIPT_BITS = 11;
/** A head begins with a line's indentation if that has no more than this. */
const INDENTATION = 100;
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

/** Return {start, end} of what is shown of a folded text, without the blanks before it; of all of it where it is not folded. */
export function headOf(text) {
  if (endOfPiece(text, 0, WHOLE) === text.length) return { start: 0, end: text.length };
  const first = Math.max(0, firstShown(text));
  const line = text.lastIndexOf("\n", first) + 1;
  const start = first - line > INDENTATION ? first : Math.min(line, first);
  return { start, end: endOfPiece(text, start, HEAD) };
}

/** Return the ends of a text's blocks, in order. */
export function blockEnds(text) {
  const ends = [];
  for (let end = 0; end < text.length; ends.push(end)) end = endOfPiece(text, end, BLOCK);
  return ends;
}

/** Return where a piece of at most so much ends: behind a line, else behind a blank, else between two characters. */
function endOfPiece(text, start, { characters, lines, least }) {
  const most = start + reach(text, start, characters);
  let end = start;
  for (let line = 0; line < lines && end < text.length; line += 1) {
    const next = text.indexOf("\n", end) + 1 || text.length;
    if (next > most) return end > start && end - start >= least * (most - start) ? end : endInLine(text, start, most);
    end = next;
  }
  return end;
}

/** Return how much of a text takes no more room and time to draw than so many letters. */
function reach(text, start, characters) {
  let left = characters;
  let script = null;
  let free = FREE_CHANGES;
  for (const { 0: sign, index } of text.slice(start, start + characters).matchAll(COSTLY)) {
    const own = sign === "\t" ? script : sign.codePointAt(0) >> SCRIPT_BITS;
    if (own !== script) free -= 1;
    const cost = sign === "\t" ? TAB - 1 : own !== script && free < 0 ? CHANGE : 0;
    script = own;
    if (index + cost >= left) return Math.min(index, left);
    left -= cost;
  }
  return left;
}

function endInLine(text, start, most) {
  const within = Math.min(BLANK_WITHIN, Math.floor((most - start) / 2));
  const blank = text.slice(most - within, most).search(/\s\S*$/);
  if (blank >= 0) return most - within + blank + 1;
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
