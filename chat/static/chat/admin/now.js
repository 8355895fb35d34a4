/** Keeps the panel of what is live now up to date, while somebody can see it. */

const EVERY = 5_000; // milliseconds
const panel = document.querySelector("[data-now]");

async function renew() {
  if (document.visibilityState !== "visible") return;
  try {
    const answer = await fetch(panel.dataset.now);
    if (answer.redirected || !answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    panel.replaceChildren(...page.querySelector("[data-now]").childNodes);
    panel.classList.remove("old");
  } catch {
    // What is shown is no longer true; it is told so by its look, and asked for again.
    panel.classList.add("old");
  }
}

if (panel) setInterval(renew, EVERY);
