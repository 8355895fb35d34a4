import assert from "node:assert/strict";
import { test } from "node:test";

import { base64Length, byteLength, decode, encode, wellFormed } from "../../chat/static/chat/client/envelope.js";

const never = (line) => assert.fail(`called odd: ${line}`);

test("a frame holds one envelope; what is not given is not written", () => {
  const cases = [
    [["pong"], '{"type":"pong"}'],
    [["pong", undefined, "p1"], '{"type":"pong","id":"p1"}'],
    [["join", { room: "lobby" }, 7], '{"type":"join","id":7,"payload":{"room":"lobby"}}'],
  ];
  for (const [words, frame] of cases) assert.equal(encode(...words), frame);
});

test("an encoded frame holds no raw newline, whatever is written", () => {
  const frame = encode("send", { text: "a\nb\r\n\u2028c" });
  assert.ok(!/[\n\r]/.test(frame));
  assert.equal(JSON.parse(frame).payload.text, "a\nb\r\n\u2028c");
});

test("a batch is split at its newlines, in order", () => {
  const frame = '{"type":"ack","id":1,"payload":{}}\n{"type":"ping"}\n{"type":"message","payload":{"text":"a\\nb"}}';
  assert.deepEqual(decode(frame, never), [
    { type: "ack", id: 1, payload: {} },
    { type: "ping", payload: {} },
    { type: "message", payload: { text: "a\nb" } },
  ]);
});

test("unknown types and fields are let through, an odd payload counts as an empty one", () => {
  const cases = [
    ['{"type":"from the future","shape":[1]}', { type: "from the future", payload: {} }],
    ['{"type":"constructor","payload":null}', { type: "constructor", payload: {} }],
    ['{"type":"x","payload":[1]}', { type: "x", payload: {} }],
    ['{"type":"x","payload":"text"}', { type: "x", payload: {} }],
    ['{"type":"x","id":null}', { type: "x", payload: {} }],
    ['{"type":"x","id":0}', { type: "x", id: 0, payload: {} }],
  ];
  for (const [frame, envelope] of cases) assert.deepEqual(decode(frame, never), [envelope], frame);
});

test("what is no envelope is told and left out; its neighbours stay", () => {
  for (const line of ["{", "null", "7", '"text"', "[]", "{}", '{"type":7}', "no json"]) {
    const odd = [];
    const envelopes = decode(`{"type":"a"}\n${line}\n{"type":"b"}`, (said) => odd.push(said));
    assert.deepEqual(envelopes.map(({ type }) => type), ["a", "b"], line);
    assert.deepEqual(odd, [line]);
  }
});

test("empty lines are nothing", () => {
  assert.deepEqual(decode("", never), []);
  assert.deepEqual(decode('\n{"type":"a"}\n', never).length, 1);
});

test("sizes are counted as the server counts them", () => {
  for (const [text, bytes] of [["", 0], ["abc", 3], ["é", 2], ["漢字", 6], ["👩‍👧", 11], ["\u0000", 1]]) {
    assert.equal(byteLength(text), bytes, text);
  }
  for (const bytes of [0, 1, 2, 3, 4, 5, 100]) {
    assert.equal(base64Length(Buffer.alloc(bytes).toString("base64")), bytes);
  }
});

test("a lone surrogate becomes U+FFFD, everything else stays as typed", () => {
  const cases = [
    ["a\ud800b", "a\ufffdb"],
    ["\udc00", "\ufffd"],
    ["👍\u200d", "👍\u200d"],
    ["\ufeffBOM", "\ufeffBOM"],
    [" \t<b>&amp;\u202e\u0001", " \t<b>&amp;\u202e\u0001"],
  ];
  for (const [text, expected] of cases) assert.equal(wellFormed(text), expected);
});
