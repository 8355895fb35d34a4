import { t } from "../client/words.js";

/** Show only the rows that hold what is typed. What is not on the page is found by the form's own search. */
export function filterRows(form) {
  const { filter, empty, field } = form.dataset;
  const input = form.querySelector(field ?? "input[type=search]");
  const rows = [...document.querySelectorAll(filter)];
  const nothing = document.querySelector(empty);
  const sections = [...new Set(rows.map((row) => row.closest("section")))].filter(Boolean);
  const show = () => {
    const words = input.value.trim().toLocaleLowerCase();
    for (const row of rows) row.hidden = !isChosen(row) && !row.textContent.toLocaleLowerCase().includes(words);
    for (const section of sections) section.hidden = !section.querySelector("li:not([hidden])");
    const found = rows.some((row) => !row.hidden);
    nothing.hidden = found;
    if (!found && rows.length > 0) nothing.textContent = t("Nothing on this page has “{words}” in it. Enter searches everywhere.", { words: input.value.trim() });
  };
  input.addEventListener("input", show);
  // Something may have been typed before this script was there.
  if (input.value !== input.defaultValue) show();
}

/** Who is chosen stays in sight. */
function isChosen(row) {
  return row.querySelector("input:checked") !== null;
}
