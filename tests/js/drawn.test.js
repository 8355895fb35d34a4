import assert from "node:assert/strict";
import { test } from "node:test";

import { blockEnds, headEnd, thinned } from "../../chat/static/chat/client/drawn.js";
import { vectors } from "./vectors.js";

const marks = (text) => Math.max(0, ...(text.match(/(?:\p{M}\p{Cf}*)+/gu) ?? []).map((run) => run.match(/\p{M}/gu).length));

test("real texts of every script come through as they are", () => {
  const table = vectors("scripts");
  assert.ok(table.length >= 12, "too few vectors");
  for (const { name, text } of table) {
    assert.equal(thinned(text), text, name);
    assert.equal(thinned(text.normalize("NFD")), text.normalize("NFD"), `${name}, decomposed`);
  }
});

test("a run of marks is cut to eight on the letter that it stands on", () => {
  const table = [
    ["a" + "\u0323".repeat(9), "ạ" + "\u0323".repeat(8)],
    ["a" + "\u0323".repeat(8), "a" + "\u0323".repeat(8)],
    ["x" + "\u0301".repeat(32_000), "x" + "\u0301".repeat(8)],
    ["\u0301".repeat(32_000), "\u0301".repeat(8)],
    ["x" + "\u0301\u200d".repeat(9), "x" + "\u0301".repeat(8) + "\u200d"],
    ["ab" + "\u0489".repeat(200) + "c", "ab" + "\u0489".repeat(8) + "c"],
    ["\n" + "\u034f".repeat(20), "\n" + "\u034f".repeat(8)],
  ];
  for (const [text, expected] of table) assert.equal(thinned(text), expected);
  for (const piece of ["\u0301\u0316", "\u0e34", "\u0f71\u0f72", "\u05b0\u0591", "\u0301\ufe0f", "\u20dd", "\u0bbe"]) {
    assert.ok(marks(thinned(`Zalgo${piece.repeat(10_000)}x${piece.repeat(3)}`)) <= 8, JSON.stringify(piece));
  }
});

test("cutting takes a time that the text's length allows", () => {
  const begun = performance.now();
  for (const piece of ["\u0301\u0316", "a\u0301", "\u0301\u200d", "\u200d", "a" + "\u0301".repeat(8), "a" + "\u0301".repeat(9)]) thinned(piece.repeat(65_536 / piece.length));
  assert.ok(performance.now() - begun < 2000);
});

test("a long text is folded behind a line, a blank or a character, and nothing of it is lost", () => {
  const table = [
    ["x".repeat(2000), 2000],
    ["x".repeat(2001), 1500],
    ["line\n".repeat(20), 100],
    ["line\n".repeat(21), 75],
    ["word ".repeat(500), 1500],
    [`${"word ".repeat(280)}${"y".repeat(3000)}`, 1400],
    ["👍".repeat(1500), 1500],
    [`x${"👍".repeat(1500)}`, 1499],
    [`${"x".repeat(1499)}e\u0301${"x".repeat(3000)}`, 1499],
    ["", 0],
  ];
  for (const [text, end] of table) assert.equal(headEnd(text), end, text.slice(0, 20));
  for (const piece of ["x", "👍", "a\u0301", "word ", "\n", "line\n", "👩\u200d"]) {
    const text = piece.repeat(65_536 / piece.length);
    const ends = blockEnds(text);
    assert.equal(ends.at(-1), text.length);
    ends.forEach((end, place) => {
      const block = text.slice(ends[place - 1] ?? 0, end);
      assert.ok(block.length > 0 && block.length <= 1000 && block.split("\n").length <= 51, JSON.stringify(piece));
      assert.ok(block.isWellFormed?.() ?? true);
    });
  }
  assert.deepEqual(blockEnds(""), []);
});
