import assert from "node:assert/strict";
import { test } from "node:test";

import { decode, encode } from "../../chat/static/chat/client/envelope.js";
import { vectors } from "./vectors.js";

test("the client's encoder writes every canonical frame", () => {
  const canonical = vectors("client").filter((vector) => vector.canonical);
  assert.ok(canonical.length > 0, "no canonical vector");
  for (const { name, frame, accepted } of canonical) {
    const { type, id, payload } = accepted;
    // Whether a payload is written is the caller's choice: `pong` has none.
    const written = "payload" in JSON.parse(frame) ? payload : undefined;
    assert.deepEqual(JSON.parse(encode(type, written, id ?? undefined)), JSON.parse(frame), name);
  }
});

test("the client's decoder reads every frame of the server", () => {
  const frames = vectors("server");
  assert.ok(frames.length > 0, "no vector");
  for (const { name, frame, envelopes } of frames) {
    const expected = envelopes.map((envelope) => ({ ...envelope, payload: envelope.payload ?? {} }));
    const odd = [];
    assert.deepEqual(decode(frame, (line) => odd.push(line)), expected, name);
    assert.deepEqual(odd, [], name);
  }
});
