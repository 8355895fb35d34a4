import assert from "node:assert/strict";
import { test } from "node:test";

import { expected } from "../../chat/static/chat/client/changes.js";
import { keyOf } from "../../chat/static/chat/client/emoji.js";
import { vectors } from "./vectors.js";

const told = (reactions) => Object.entries(reactions).map(([emoji, ids]) => ({ emoji, count: ids.length, ids }));

test("every spelling of an emoji has one key", () => {
  const table = vectors("emoji");
  assert.ok(table.length >= 20, "too few vectors");
  for (const { name, spellings, key, qualified } of table) {
    for (const spelling of [...spellings, qualified]) assert.equal(keyOf(spelling), key, name);
  }
});

test("a reaction in another spelling is shown as the one that is there", () => {
  // Who gives way, what is one person's limit, and how a new one is spelled is the server's to say.
  const table = vectors("reactions").filter(({ before, after }) => after && Object.keys(after).every((emoji) => emoji in before));
  assert.ok(table.length >= 5, "too few vectors");
  for (const { name, before, change, after } of table) {
    if (Object.keys(before).some((emoji) => Object.keys(before).some((other) => other !== emoji && keyOf(other) === keyOf(emoji)))) continue;
    const item = { text: "tea", deleted: false, edited: false, reactions: told(before), changes: [{ verb: "react", emoji: change.emoji, on: change.on }] };
    assert.deepEqual(expected(item, { id: change.id }).reactions, told(after), name);
  }
});
