import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, CEILING_MS, FLOOR_MS, MAX_RETRY_AFTER_MS, retryAfterMs } from "../../chat/static/chat/client/backoff.js";

const delays = (random, count) => {
  const backoff = new Backoff(random);
  return Array.from({ length: count }, () => backoff.next());
};

test("the ceiling doubles from 1 s to a minute, the floor stays at 0.5 s", () => {
  assert.deepEqual(delays(() => 1, 8), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assert.deepEqual(delays(() => 0, 8), Array(8).fill(500));
});

test("a delay is anywhere between floor and ceiling, evenly", () => {
  assert.deepEqual(delays(() => 0.5, 3), [750, 1250, 2250]);
  assert.deepEqual(delays(() => 0.25, 3), [625, 875, 1375]);
});

test("a thousand failures later it is still within its bounds", () => {
  for (const delay of delays(Math.random, 1100)) assert.ok(delay >= FLOOR_MS && delay <= CEILING_MS, `${delay}`);
});

test("after a good connection it begins anew", () => {
  const backoff = new Backoff(() => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 1000);
});

test("it never comes before the moment that the server asked for, and not in step with others", () => {
  assert.equal(new Backoff(() => 0).next(3), 3500);
  assert.equal(new Backoff(() => 1).next(3), 4000);
});

test("a retry_after_s that makes no sense counts as none, an endless one is cut", () => {
  for (const odd of [undefined, null, -1, NaN, "3", {}, 0]) assert.equal(retryAfterMs(odd), 0, `${odd}`);
  assert.equal(retryAfterMs(0.25), 250);
  for (const endless of [1e12, Infinity]) assert.equal(retryAfterMs(endless), MAX_RETRY_AFTER_MS);
});
