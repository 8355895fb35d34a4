/** Days as the reader's own clock has them, each written 2030-12-31. */

/** Return the day of a moment; an empty string where it is none. */
export function dayOf(date) {
  if (Number.isNaN(date.getTime())) return "";
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Return a day's name for people, seen at the moment `now`. */
export function dayName(day, now, locale) {
  if (day === dayOf(now)) return "Today";
  if (day === dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return "Yesterday";
  const [year, month, date] = day.split("-").map(Number);
  return new Intl.DateTimeFormat(locale, { dateStyle: "full" }).format(new Date(year, month - 1, date));
}

/** Return the milliseconds from `now` to the next day; it may have 23 or 25 hours. */
export function untilTomorrow(now) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1) - now;
}
