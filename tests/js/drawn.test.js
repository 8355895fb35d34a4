import assert from "node:assert/strict";
import { test } from "node:test";

import { blockEnds, headOf, thinned } from "../../chat/static/chat/client/drawn.js";
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

test("the head of a folded text begins with what is seen", () => {
  const table = [
    ["\n".repeat(15) + "words", 0, 20],
    ["\n".repeat(25) + "words", 25, 30],
    ["\n".repeat(25) + "  words\n".repeat(30), 25, 145],
    [" \n\t\n\u2800\n".repeat(10) + "words", 60, 65],
    [" ".repeat(3000) + "words", 3000, 3005],
    ["\u2800".repeat(3000) + "\n words", 3001, 3007],
    ["\n".repeat(60_000) + "words ".repeat(500), 60_000, 61_500],
    ["\n".repeat(60_000), 0, 15],
    [" ".repeat(60_000), 0, 1500],
  ];
  for (const [text, start, end] of table) assert.deepEqual(headOf(text), { start, end }, JSON.stringify(text.slice(0, 20)));
});

test("a text of many scripts is folded earlier, and no real text is", () => {
  const ranges = [[0x100, 0x3000], [0xa000, 0xd7ff], [0x10000, 0x1fc00]];
  let seed = 3;
  const next = (size) => (seed = (seed * 16807) % 2147483647) % size;
  const letters = ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, place) => from + place));
  for (let round = 0; round < 20; round += 1) {
    const text = String.fromCodePoint(...Array.from({ length: 1200 }, () => letters[next(letters.length)])).slice(0, 1990);
    const letterCount = [...text.slice(0, headOf(text).end)].length;
    assert.ok(letterCount < 400, String(letterCount));
  }
  const long = (text) => text.repeat(Math.floor(1990 / text.length));
  const mixed = ["今日は 3時に Zoom で会いましょう！😀 ", "我们用 Python 写的，谢谢 👍🏽 ", "오늘 회의는 3시에 漢字 OK ", "ñandú and Ελληνικά αβγ → x² ", "Привет 😀 мир ❤️ ", "E = mc², ∀x∈ℝ: x ≥ 0 ⇒ √x "];
  const tables = "name\tvalue\tunit\n".repeat(20);
  for (const text of [...vectors("scripts").map((it) => it.text), ...mixed]) {
    for (const form of ["NFC", "NFD"]) assert.equal(headOf(long(text.normalize(form))).end, long(text.normalize(form)).length, text);
  }
  assert.equal(headOf(tables).end, tables.length);
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
    [`Look:\n${"words and words ".repeat(200)}`, 1500],
    [`${"x".repeat(800)}\n${"words ".repeat(400)}`, 801],
    [`a\nb\n${"y".repeat(3000)}`, 1500],
    ["x\t".repeat(222), 444],
    ["x\t".repeat(223), 332],
    ["a\tb\n".repeat(20), 80],
  ];
  for (const [text, end] of table) assert.deepEqual(headOf(text), { start: 0, end }, text.slice(0, 20));
  for (const piece of ["x", "👍", "a\u0301", "word ", "\n", "line\n", "👩\u200d", "\t", "x\t", "κกሀᐁ𐎀", "κ\u0301ก"]) {
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
