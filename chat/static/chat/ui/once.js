// A form is sent once: its buttons wait for the page that comes.

// A download, or a server that is slow, brings no page: then the form may be sent again. The server does it once anyway.
const LET_GO_MS = 10_000;

const buttonsOf = (form) => [...form.elements].filter((it) => it.type === "submit");

/** Let a form be sent again. */
function letGo(form) {
  delete form.dataset.sending;
  form.removeAttribute("aria-busy");
  for (const button of buttonsOf(form)) button.disabled = false;
}

/** Hold a form that is being sent; refuse to send it meanwhile. */
export function hold(event, later = setTimeout) {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
  if ("sending" in form.dataset) {
    event.preventDefault();
    return;
  }
  form.dataset.sending = "";
  form.setAttribute("aria-busy", "true");
  // Once the browser has read the form: a button that is disabled before is not sent.
  later(() => {
    for (const button of buttonsOf(form)) button.disabled = true;
  }, 0);
  later(() => letGo(form), LET_GO_MS);
}

/** Hold each form of the page from when it is sent; a page that comes back by the browser's history lets them go. */
export function sendOnce() {
  document.addEventListener("submit", hold);
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sending]").forEach(letGo));
}
