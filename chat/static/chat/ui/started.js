/** Say that the page works: the check of its loading waits for that (load-check.js). */
export function started() {
  document.documentElement.dataset.started = "";
  document.dispatchEvent(new Event("started"));
}
