import assert from "node:assert/strict";
import { test } from "node:test";

import { EVERY_MS } from "../../chat/static/chat/client/roundtrip.js";
import { failure, welcome } from "./fakes.js";
import { comeBack, entered, started } from "./started.js";

const pings = (socket) => socket.all("ping").length;
const pong = (socket) => socket.say({ type: "pong", id: socket.last("ping").id });

test("the round trip is measured at the welcome, before anything else is sent", () => {
  const { browser, view } = started();
  browser.socket.say(welcome());
  assert.equal(browser.socket.sent[0].type, "ping");
  browser.pass(12.4);
  pong(browser.socket);
  assert.deepEqual(view.all("roundTrip"), [12]);
});

test("it is measured again every 20 s, and each answer is told", () => {
  const { browser, view } = entered({ heartbeat_s: 0 });
  pong(browser.socket);
  browser.pass(EVERY_MS - 1);
  assert.equal(pings(browser.socket), 1);
  browser.pass(1);
  browser.pass(7);
  pong(browser.socket);
  assert.deepEqual([EVERY_MS, pings(browser.socket), view.all("roundTrip")], [20_000, 2, [0, 7]]);
});

test("a hidden page measures nothing; shown again it measures at once, unless it just has", () => {
  const { browser } = entered({ heartbeat_s: 0 });
  browser.hide();
  browser.show();
  assert.equal(pings(browser.socket), 1);
  browser.hide();
  browser.pass(10 * EVERY_MS);
  assert.equal(pings(browser.socket), 1);
  browser.show();
  browser.show();
  assert.equal(pings(browser.socket), 2);
});

test("without a connection nothing is measured, and each connection begins anew", () => {
  const { browser, view } = entered();
  const old = browser.socket;
  browser.pass(3);
  comeBack(browser);
  assert.equal(pings(old), 1);
  assert.equal(pings(browser.socket), 1);
  pong(browser.socket);
  assert.deepEqual(view.all("roundTrip"), [0]);
});

test("a ping that the server refuses is no measure", () => {
  const { browser, view } = entered();
  browser.socket.say(failure(browser.socket.last("ping").id, "rate_limited"));
  assert.deepEqual(view.all("roundTrip"), []);
});
