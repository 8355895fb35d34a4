/** Blanks that Unicode counts as signs: the empty Braille cell, the null notehead, the Khitan filler, the place of an object, Egyptian ones. */
const SHOWN =
  /[^\p{M}\p{Z}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\u{16fe4}\ufffc\u{13441}\u{13442}]/u;

/** Tell whether a text has nothing but blanks, invisible characters and marks without a letter: the server refuses it. */
export function showsNothing(text) {
  return !SHOWN.test(text);
}

/** Return where the first sign is that is seen; -1 where there is none. */
export function firstShown(text) {
  return text.search(SHOWN);
}
