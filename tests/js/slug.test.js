import assert from "node:assert/strict";
import { test } from "node:test";

import { slugOf } from "../../chat/static/chat/client/slug.js";

test("an address is proposed as the server would make it", () => {
  const table = [
    ["Tea time!", "tea-time"],
    ["Täglich: Café & Kuchen", "taglich-cafe-kuchen"],
    ["  A_b -- c ", "a-b-c"],
    ["x".repeat(100), "x".repeat(64)],
    [`${"a".repeat(63)} b`, "a".repeat(63)],
    ["Чай", ""],
    ["-- ", ""],
  ];
  for (const [title, slug] of table) assert.equal(slugOf(title), slug, title);
});
