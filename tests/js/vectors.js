import { readFileSync } from "node:fs";

/** Return the examples of tests/vectors/<name>.json, which the Python tests read too. */
export function vectors(name) {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
}
