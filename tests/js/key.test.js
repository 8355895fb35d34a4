import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import { newKey } from "../../chat/static/chat/client/key.js";

test("a key is a version 4 UUID made of the bytes given", () => {
  assert.equal(newKey((count) => new Uint8Array(count).fill(0)), "00000000-0000-4000-8000-000000000000");
  assert.equal(newKey((count) => new Uint8Array(count).fill(255)), "ffffffff-ffff-4fff-bfff-ffffffffffff");
});

test("keys differ", () => {
  const random = (count) => webcrypto.getRandomValues(new Uint8Array(count));
  const keys = Array.from({ length: 1000 }, () => newKey(random));
  assert.equal(new Set(keys).size, 1000);
  for (const key of keys) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
