/** Return what is the same for all spellings of an emoji: it without the text style, U+FE0E, and the emoji style, U+FE0F. */
export function keyOf(emoji) {
  return emoji.replace(/[\ufe0e\ufe0f]/g, "");
}
