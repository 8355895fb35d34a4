/** Return the first of the reader's locales that writes the page's language, script and all; else that language itself. */
export function localeOf(language, theirs) {
  const wanted = writing(language);
  return theirs.find((tag) => writing(tag) === wanted) ?? language;
}

function writing(tag) {
  try {
    const { language, script } = new Intl.Locale(tag).maximize();
    return `${language}-${script}`;
  } catch {
    return ""; // Some browsers have been seen with en-US@posix, which is no locale.
  }
}
