/** Web addresses in a text: where they begin and end, and which of them may be followed. */

import { MAX_HOST, START, addressAt } from "./address.js";

// RFC 1035, section 2.3.4.
const MAX_LABEL = 63;
// Invisible characters, bidi controls among them, make an address look like another one.
const INVISIBLE = /[[\p{Cc}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0][\p{Cf}--[\u200c\u200d]]]/v;
// Persian, Indic scripts and emoji need joiners: between two of their characters, never in a host.
const LOOSE_JOINER = /(?<![[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}]--[A-Za-z]])[\u200c\u200d]|[\u200c\u200d](?![[\p{L}\p{M}\p{Extended_Pictographic}]--[A-Za-z]])/v;

/** Return a text's parts in order: {text, href}; joined, their texts are the text. `href` is null where nothing is linked. */
export function parts(text) {
  const found = [];
  let end = 0;
  START.lastIndex = 0;
  for (let match; (match = START.exec(text)) !== null; ) {
    const { host, stop, last } = addressAt(text, match.index, START.lastIndex);
    const address = text.slice(match.index, last);
    const href = host === "" || deceives(text.slice(match.index, stop), host) ? null : target(address, host);
    START.lastIndex = href === null ? Math.max(stop, START.lastIndex) : last;
    if (href === null) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), href: null });
    found.push({ text: address, href });
    end = last;
  }
  if (end < text.length) found.push({ text: text.slice(end), href: null });
  return found;
}

function deceives(candidate, host) {
  return INVISIBLE.test(candidate) || LOOSE_JOINER.test(candidate) || /[\u200c\u200d]/.test(host);
}

/** Return where an address leads; null where it does not parse, or leads to another host than one reads. */
function target(address, host) {
  const url = parse(address);
  return url !== null && isShown(host, url.hostname) && isPossible(url.hostname) ? url.href : null;
}

/** Tell whether a browser goes to the host that is shown: not to what full-width letters, numbers or %61 stand for. */
function isShown(shown, hostname) {
  if (shown.includes("%")) return false;
  if (/[^\x00-\x7f]/.test(shown)) return shown.normalize("NFC") === shown.normalize("NFKC");
  return shown.startsWith("[") || shown.toLowerCase() === hostname;
}

function isPossible(hostname) {
  const labels = hostname.replace(/\.$/, "").split(".");
  return hostname.length <= MAX_HOST && labels.every((label) => label !== "" && label.length <= MAX_LABEL);
}

function parse(address) {
  try {
    return new URL(address);
  } catch {
    return null; // It stays text.
  }
}
