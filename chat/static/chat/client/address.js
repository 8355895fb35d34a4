/** Where a web address ends in a text that goes on without a space, in any language. */

/** What ends an address wherever it stands: blanks, what no address holds, and the marks of every script but ASCII's. */
const END = [
  String.raw`[\s<>"\x60\{\}\|\\^…‥⋯᠁—―⸺⸻՝༔※¦‖│┃❘-❠\u{1f676}-\u{1f678}]`,
  String.raw`[[\p{Terminal_Punctuation}\p{Quotation_Mark}\p{Ps}\p{Pe}\p{Pi}\p{Pf}]--[!-~]]`,
  // CJK and full-width marks and signs. The middle dot of Japanese stands within names: レオナルド・ダ・ヴィンチ.
  String.raw`[[\u3001-\u303f\ufe10-\ufe1f\ufe30-\ufe6f\uff00-\uff64\uffe0-\uffee]&&[\p{P}\p{S}]]`,
  "&(?:lt|gt|quot|apos|nbsp|#39|#34|#x27);",
].join("|");
/** How an address begins; one in front of another is a slip. */
const SCHEME = "[Hh][Tt][Tt][Pp][Ss]?://";
export const START = new RegExp(`(?<![A-Za-z0-9])${SCHEME}(?!${SCHEME})`, "g");
const AUTHORITY = new RegExp(`(?:(?!${END}|(?<![A-Za-z0-9])${SCHEME})[^\\/?#])*`, "vy");
const HOST =
  /^(?<name>\[[^\[\]]*\]|[\p{L}\p{N}\p{M}\p{RI}\p{Extended_Pictographic}\p{Emoji_Modifier}.\-_%·׳״་・\u200c\u200d]*)(?<port>:[0-9]+)?/v;
const SIGNS = "()[]*_~'";
const TOKEN = new RegExp(`${END}|${SCHEME}|[\\(\\)\\[\\]*_~']`, "gv");
/** RFC 1035, section 2.3.4. */
export const MAX_HOST = 253;

/** Right behind an ASCII host, words of these scripts and signs are the next word. No top-level domain begins so. */
const UNSPACED = ["Han", "Hira", "Kana", "Bopo", "Hang", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"].map((it) => `\\p{scx=${it}}`).join("");
const GLUED = new RegExp(`^[A-Za-z0-9](?:-*[A-Za-z0-9])*(?=[\\-_]*[${UNSPACED}\\p{S}])`, "v");
/** Letters of two alphabets, as in no top-level domain: a look-alike, or a word that was glued to one. */
const MIXED = /[A-Za-z].*[\p{L}--\p{scx=Latn}]|[\p{L}--\p{scx=Latn}].*[A-Za-z]/v;
/** What browsers read as a host's dot, though it ends a sentence, or as the end of a user's name. */
const GOES_ON = /[A-Za-z0-9＠]|(?<!:[0-9]+)[。．｡][\p{L}\p{N}]/vy;

/** Hosts that are whole without a dot. */
const WHOLE = /^(?:localhost|\[.*\])$/i;

const OPENERS = { ")": "(", "]": "[" };
const SENTENCE_END = /[.,:;!?'¡¿–•‣·・･†‡՚-՟״]/;
/** What encloses an address that stands right behind it. */
const BEFORE = /(?<bracket>[(\[]?)(?<marks>[*_~'׳]*)$/;
/** Emphasis of several words that is open before an address: not `_`, which may be the end of the address itself. */
const OPEN_EMPHASIS = /(?<=^|[\s(\[])(?<marks>\*\*?|~~|__)(?![\s*_~.\/])(?:(?!\k<marks>).)*$/;
/** So many characters before an address are looked at. */
const LOOKED_BACK = 200;
/** Behind a bracket that closes nothing: no address goes on so, though one may be `/a)b`. */
const OUTSIDE = /[*_~']{0,8}[^\x00-\x7f]/y;
/** Before another address these lead on to it: an archive's `/`, a query's `=`. Other signs stand between the two. */
const LEADS_ON = /[A-Za-z0-9\/=?&#:%+\-_~@$]/;

/**
 * Return {host, stop, last} of the address that begins at `start`, with its host at `from`: it ends at `last`, and at `stop`
 * with the end of the sentence that it stands in. `host` is empty where it is unsure which one is meant.
 */
export function addressAt(text, start, from) {
  const region = endOf(AUTHORITY, text, from);
  const { name, end } = hostAt(text, from, region);
  const host = isUnsure(text.slice(from, region), text, name, end) ? "" : name;
  const hasPath = /[/?#]/.test(text[region] ?? "") && (host === "" || end === region);
  if (!hasPath) return { host, stop: region, last: end };
  const around = surroundings(text, start);
  const { stop, loose } = pathEnd(text, region, around);
  return { host, stop, last: trimmed(text, stop, loose, around.marks) };
}

/** Return {marks, isEnclosed}: the quotes and the emphasis that an address stands in, and whether brackets open right before it. */
function surroundings(text, start) {
  const lead = text.slice(Math.max(0, start - LOOKED_BACK), start);
  const { index, groups } = BEFORE.exec(lead);
  const emphasis = OPEN_EMPHASIS.exec(lead.slice(0, index))?.groups.marks ?? "";
  return { marks: emphasis + groups.marks, isEnclosed: groups.bracket !== "" };
}

/** Return {name, end}: the host, without the end of a sentence where nothing follows it. */
function hostAt(text, from, region) {
  const { name, port = "" } = HOST.exec(text.slice(from, region)).groups;
  const end = from + name.length + port.length;
  if (name.length > MAX_HOST) return { name, end };
  const whole = name.replace(/[.\-_]+$/, "");
  const labels = whole.split(".");
  const glued = GLUED.exec(labels.at(-1));
  if (glued) return ending(from, [...labels.slice(0, -1), glued[0]].join("."));
  return port || (end === region && /[\/?#]/.test(text[end] ?? "")) ? { name, end } : ending(from, whole);
}

function ending(from, name) {
  return { name, end: from + name.length };
}

/** Tell whether another host than this one may be meant, or none. */
function isUnsure(authority, text, name, end) {
  if (name === "" || name.length > MAX_HOST || authority.includes("@")) return true;
  const labels = name.split(".");
  if (MIXED.test(labels.at(-1)) || labels.slice(1).some((label) => GLUED.test(label))) return true;
  GOES_ON.lastIndex = end;
  const next = GOES_ON.exec(text)?.[0] ?? "";
  // A whole host before an ideographic full stop is one, whatever word comes next.
  return next.length > 1 ? labels.length === 1 && !WHOLE.test(name) : next !== "";
}

/** Return {stop, loose}: where a path ends, and the places of the brackets in it that close, or open, nothing. */
function pathEnd(text, from, { marks, isEnclosed }) {
  const closing = [...marks].reverse().join("");
  const open = [];
  const loose = new Set();
  TOKEN.lastIndex = from;
  for (let token; (token = TOKEN.exec(text)) !== null; ) {
    const { 0: sign, index } = token;
    const isNext = sign.endsWith("://");
    if (isNext ? !LEADS_ON.test(text[index - 1]) : !SIGNS.includes(sign)) return { stop: index, loose: withAll(loose, open) };
    if (isNext) continue;
    const closesNothing = sign in OPENERS && !close(open, text, sign);
    if (sign === "(" || sign === "[") open.push(index);
    if (closesNothing) loose.add(index);
    // What closes what stands before the address ends it, unless an address goes on so: `/a)b`.
    const ends = closesNothing ? isEnclosed || matchesAt(OUTSIDE, text, index + 1) : sign === closing[0] && isClosed(text, index, closing);
    if (ends) return { stop: index, loose: withAll(loose, open) };
  }
  return { stop: text.length, loose: withAll(loose, open) };
}

/** Tell whether all the marks are closed at a place, and a letter of another script follows. */
function isClosed(text, at, closing) {
  return text.startsWith(closing, at) && text.charCodeAt(at + closing.length) > 0x7f;
}

function close(open, text, sign) {
  if (open.length === 0 || text[open.at(-1)] !== OPENERS[sign]) return false;
  open.pop();
  return true;
}

function withAll(places, others) {
  for (const place of others) places.add(place);
  return places;
}

/** Return where an address ends without the end of the sentence, or the brackets and marks of emphasis, that it stands in. */
function trimmed(text, stop, loose, marks) {
  let left = marks;
  let end = stop;
  // A bracket that closes what stands before ends an address, whatever marks are behind it: `*(see /a)*`.
  for (let at = stop - 1; SIGNS.includes(text[at]) || SENTENCE_END.test(text[at]); at -= 1) {
    if (loose.has(at) && text[at] in OPENERS) end = at;
  }
  for (; ; end -= 1) {
    const last = text[end - 1];
    // The outermost mark ends last: `*_…_*`.
    if (left.includes(last)) left = left.slice(left.indexOf(last) + 1);
    else if (!SENTENCE_END.test(last) && !loose.has(end - 1)) return end;
  }
}

function matchesAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text);
}

function endOf(pattern, text, from) {
  pattern.lastIndex = from;
  pattern.exec(text);
  return pattern.lastIndex;
}
