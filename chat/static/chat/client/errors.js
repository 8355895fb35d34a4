import { retryAfterMs } from "./backoff.js";
import { t, told } from "./words.js";

/** Errors that mean "not now": the same again, a little later, may be taken. */
const LATER = new Set(["unavailable", "rate_limited", "slow_mode"]);
const LEAST_WAIT_MS = 500;

/** Tell whether what an `error` envelope's payload refuses should be tried again by itself. */
export function isPassing({ code }) {
  return LATER.has(code);
}

/** Return how many ms to wait before trying again: what the server asked for and some jitter. */
export function retryDelay({ retry_after_s: seconds }, random) {
  return Math.max(LEAST_WAIT_MS, retryAfterMs(seconds)) + random() * LEAST_WAIT_MS;
}

/** Return an error's payload as a sentence for people, without the place in the frame that it begins with. */
export function sentence({ code, message }) {
  if (typeof message !== "string" || message === "") return t("The server refused it ({code}).", { code: code ?? t("no code") });
  const words = message.replace(/^payload(\.\w+)?: /, "");
  return told(words.charAt(0).toUpperCase() + words.slice(1));
}
