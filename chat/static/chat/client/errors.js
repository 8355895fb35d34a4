import { retryAfterMs } from "./backoff.js";
import { later, t, told } from "./words.js";

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

/** Sentences for people by the `key` of the server's; its `params` stand in their places. */
const BY_KEY = {
  "text.empty": later("This message shows nothing. Write something that can be read."),
  "emoji.other": later("This is no emoji. Choose one emoji."),
  "name.characters": later("This name has a character that is not visible (U+{code}). Leave it out."),
  "name.length": later("A name has 1 to {most} characters. This one has {count}."),
  "name.marks": later("This name has marks alone. Add a letter."),
};

/** Return an error's payload as a sentence for people, by its key; of an unknown key the server's own, without the place in the frame that it begins with. */
export function sentence({ code, message, key, params }) {
  if (Object.hasOwn(BY_KEY, key)) return t(BY_KEY[key], params ?? {});
  if (typeof message !== "string" || message === "") return t("The server refused it ({code}).", { code: code ?? t("no code") });
  const words = message.replace(/^payload(\.\w+)?: /, "");
  return told(words.charAt(0).toUpperCase() + words.slice(1));
}
