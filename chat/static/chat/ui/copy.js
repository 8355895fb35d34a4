import { t } from "../client/words.js";

/** Copy a field's text; where the browser does not let a page (plain http), select it. */
export function copyFrom(button) {
  const field = document.querySelector(button.dataset.copy);
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    field.select();
    button.textContent = (await copied(field.value)) ? t("Copied") : t("Selected: press Ctrl+C");
  });
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // Not allowed, or not there: the text is selected, and the button says what to press.
  }
}
