import assert from "node:assert/strict";
import { test } from "node:test";

import { showsNothing } from "../../chat/static/chat/client/shown.js";
import { vectors } from "./vectors.js";

test("the page takes for nothing what the server refuses", () => {
  const table = vectors("texts");
  assert.ok(table.length >= 30, "too few vectors");
  for (const { name, text, times = 1, shows } of table) assert.equal(showsNothing(text.repeat(times)), !shows, name);
});
