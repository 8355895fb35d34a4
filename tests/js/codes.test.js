import assert from "node:assert/strict";
import { test } from "node:test";

import { verdict } from "../../chat/static/chat/client/codes.js";

const LOST = "the connection was lost";

test("a close code says whether to connect again and whether to send again", () => {
  const table = [
    // code, reconnect, resend
    [1000, true, true],
    [1001, true, true],
    [1002, true, false],
    [1006, true, true],
    [1007, true, false],
    [1009, true, false],
    [1011, true, true],
    [1012, true, true],
    [4001, true, true],
    [4002, true, true],
    [4003, true, true],
    [4004, true, true],
    [4005, true, true],
    [4006, true, true],
    [4499, true, true],
    [4500, false, true],
    [4501, false, true],
    [4505, false, true],
    [4506, false, true],
    [4507, false, true],
    [4999, false, true],
    [3000, true, true],
  ];
  for (const [code, reconnect, resend] of table) {
    const said = verdict(code);
    assert.deepEqual([said.reconnect, said.resend], [reconnect, resend], `${code}`);
  }
});

test("every close of the protocol has words of its own, any other is a lost connection", () => {
  const named = [1002, 1007, 1009, 4001, 4002, 4003, 4004, 4005, 4006, 4500, 4501, 4502, 4503, 4504, 4505, 4506, 4507, 4508, 4509];
  const said = named.map((code) => verdict(code).says);
  assert.equal(said.includes(LOST), false);
  assert.equal(new Set(said).size, named.length);
  for (const code of [1006, 1015, 4321, 4777, undefined, NaN]) assert.equal(verdict(code).says, LOST);
});
