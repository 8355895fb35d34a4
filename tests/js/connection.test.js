import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection, GOOD_MS, GRACE_MS, WELCOME_MS } from "../../chat/static/chat/client/connection.js";
import { FakeBrowser, welcome } from "./fakes.js";

/** A listener that writes down what it hears. */
class Listener {
  states = [];
  envelopes = [];
  ends = [];
  welcomes = [];

  state(state) {
    this.states.push(state);
  }

  welcome(payload) {
    this.welcomes.push(payload);
  }

  envelope(envelope) {
    this.envelopes.push(envelope);
  }

  closed(end) {
    this.ends.push(end);
  }

  get names() {
    return this.states.map(({ name }) => name);
  }
}

function dialled() {
  const browser = new FakeBrowser();
  const listener = new Listener();
  const connection = new Connection(browser, "/ws", listener);
  connection.start();
  return { browser, listener, connection };
}

function opened(changes) {
  const all = dialled();
  all.browser.socket.say(welcome(changes));
  return all;
}

test("it dials the path with the json subprotocol and is open once welcomed", () => {
  const { browser, listener, connection } = dialled();
  assert.equal(browser.socket.path, "/ws");
  assert.deepEqual(browser.socket.protocols, ["chat.v1.json"]);
  assert.equal(connection.send("join", {}), false, "nothing is sent before the welcome");
  browser.socket.say(welcome());
  assert.deepEqual(listener.names, ["connecting", "open"]);
  assert.equal(listener.welcomes[0].heartbeat_s, 25);
});

test("starting twice dials once", () => {
  const { browser, connection } = dialled();
  connection.start();
  assert.equal(browser.sockets.length, 1);
});

test("a ping is answered with a pong of the same id", () => {
  const { browser } = opened();
  browser.socket.say({ type: "ping" }, { type: "ping", id: "p7" });
  assert.deepEqual(browser.socket.sent, [{ type: "pong" }, { type: "pong", id: "p7" }]);
});

test("a call's answer comes once; an answer that nobody waits for goes to the listener", () => {
  const { browser, listener, connection } = opened();
  const answers = [];
  connection.call("join", { room: "lobby" }, (answer) => answers.push(answer));
  const { id } = browser.socket.last("join");
  browser.socket.say({ type: "ack", id, payload: { room: "lobby" } }, { type: "ack", id, payload: {} });
  browser.socket.say({ type: "error", payload: { code: "internal" } });
  assert.deepEqual(answers.map(({ type }) => type), ["ack"]);
  assert.deepEqual(listener.envelopes.map(({ type }) => type), ["ack", "error"]);
});

test("no answer of an earlier connection is taken for one of this", () => {
  const { browser, connection } = opened();
  const answers = [];
  connection.call("join", {}, () => answers.push("first"));
  const { id } = browser.socket.last("join");
  browser.socket.end();
  browser.pass(20_000);
  browser.socket.say(welcome());
  browser.socket.say({ type: "ack", id, payload: {} });
  connection.call("join", {}, () => answers.push("second"));
  assert.notEqual(browser.socket.last("join").id, id);
  assert.deepEqual(answers, []);
});

test("a lost connection is dialled again, later each time, and it says when", () => {
  const { browser, listener } = dialled();
  for (const delay of [750, 1250, 2250, 4250, 8250, 16_250, 30_250, 30_250]) {
    browser.socket.end();
    const { name, cause, at } = listener.states.at(-1);
    assert.deepEqual([name, cause, at - browser.now()], ["waiting", "the server cannot be reached", delay]);
    const before = browser.sockets.length;
    browser.pass(delay - 1);
    assert.equal(browser.sockets.length, before, "not early");
    browser.pass(1);
    assert.equal(browser.sockets.length, before + 1);
  }
});

test("a connection that lived long enough makes the next failure the first, a short one does not", () => {
  for (const [lived, expected] of [[GOOD_MS, 750], [GOOD_MS - 1, 1250]]) {
    const { browser, listener } = dialled();
    browser.socket.end();
    browser.pass(750);
    browser.socket.say(welcome());
    browser.pass(lived);
    browser.socket.end();
    assert.equal(listener.states.at(-1).at - browser.now(), expected, `lived ${lived}`);
  }
});

test("one too many waits as long as the server says, and comes back by itself", () => {
  const { browser, listener } = opened();
  browser.socket.say({ type: "closing", payload: { code: 4006, reason: "Too many.", reconnect: true, retry_after_s: 90 } });
  browser.socket.end(4006);
  const { name, cause, at } = listener.states.at(-1);
  assert.deepEqual([name, cause], ["waiting", "there are too many connections; this page waits, and connects by itself"]);
  assert.ok(at - browser.now() >= 90_000);
  const before = browser.sockets.length;
  browser.pass(at - browser.now());
  assert.equal(browser.sockets.length, before + 1);
});

test("close codes from 4500 on stop it, every other one does not", () => {
  for (const [code, name] of [[1000, "waiting"], [1006, "waiting"], [1009, "waiting"], [4001, "waiting"], [4499, "waiting"], [4500, "stopped"], [4507, "stopped"]]) {
    const { browser, listener } = opened();
    browser.socket.end(code);
    assert.equal(listener.states.at(-1).name, name, `${code}`);
    assert.equal(browser.timers, name === "stopped" ? 0 : 1);
  }
});

test("what was stopped starts again when asked to", () => {
  const { browser, connection } = opened();
  browser.socket.end(4506);
  browser.pass(3_600_000);
  assert.equal(browser.sockets.length, 1);
  connection.start();
  assert.equal(browser.sockets.length, 2);
});

test("`closing` sets when to come back, whether, and why, also when the close frame itself is lost", () => {
  const cases = [
    [{ code: 4001, reconnect: true, retry_after_s: 4 }, 4001, "waiting", 4750],
    [{ code: 4001, reconnect: true, retry_after_s: 4 }, 1006, "waiting", 4750],
    [{ code: 4001, reconnect: false, retry_after_s: 0 }, 4001, "stopped", null],
    [{ code: 4503, reconnect: false }, 1006, "stopped", null],
    [{}, 4001, "waiting", 750],
  ];
  for (const [closing, code, name, delay] of cases) {
    const { browser, listener } = opened();
    browser.socket.say({ type: "closing", payload: closing });
    browser.socket.end(code);
    const state = listener.states.at(-1);
    assert.equal(state.name, name);
    assert.equal(state.at === null ? null : state.at - browser.now(), delay);
    if (closing.code === 4001) assert.equal(state.cause, "the server restarts");
  }
});

test("what the last server asked for is not asked of the next one", () => {
  const { browser, listener } = opened();
  browser.socket.say({ type: "closing", payload: { code: 4001, reconnect: true, retry_after_s: 4 } });
  browser.socket.end(4001);
  browser.pass(4750);
  browser.socket.end(1006);
  assert.equal(listener.states.at(-1).at - browser.now(), 1250);
});

test("back online it dials at once, but not before the moment that the server asked for", () => {
  const { browser, listener } = opened();
  browser.socket.end();
  browser.goOnline();
  assert.equal(browser.sockets.length, 2);
  browser.goOnline();
  assert.equal(browser.sockets.length, 2, "one dial is enough");
  browser.socket.say(welcome(), { type: "closing", payload: { code: 4001, retry_after_s: 3 } });
  browser.socket.end(4001);
  browser.pass(1000);
  browser.goOnline();
  assert.equal(listener.states.at(-1).at - browser.now(), 2000);
  browser.pass(1999);
  assert.equal(browser.sockets.length, 2);
  browser.pass(1);
  assert.equal(browser.sockets.length, 3);
});

test("silence longer than heartbeat_s + 15 s is a dead connection; any frame is life", () => {
  const { browser, listener } = opened({ heartbeat_s: 10 });
  const limit = 10_000 + GRACE_MS;
  const first = browser.socket;
  browser.pass(limit - 1);
  first.frame('{"type":"from the future"}');
  browser.pass(limit - 1);
  first.frame(new ArrayBuffer(3));
  browser.pass(limit - 1);
  assert.equal(listener.states.at(-1).name, "open");
  browser.pass(1);
  assert.deepEqual([listener.states.at(-1).name, listener.states.at(-1).cause], ["waiting", "the server has fallen silent"]);
  assert.ok(first.closed);
});

test("a server without heartbeats is never too silent", () => {
  for (const heartbeat of [0, undefined, null]) {
    const { browser, listener } = opened({ heartbeat_s: heartbeat });
    browser.pass(3_600_000);
    assert.equal(listener.states.at(-1).name, "open");
  }
});

test("a server that takes the connection and never says welcome is given up", () => {
  const { browser, listener } = dialled();
  browser.pass(WELCOME_MS - 1);
  assert.equal(listener.states.at(-1).name, "connecting");
  browser.pass(1);
  assert.equal(listener.states.at(-1).name, "waiting");
  assert.ok(browser.sockets[0].closed);
});

test("what a socket says after it was given up is not heard", () => {
  const { browser, listener } = dialled();
  browser.pass(WELCOME_MS);
  browser.sockets[0].say(welcome());
  browser.sockets[0].end(4500);
  assert.equal(listener.states.at(-1).name, "waiting");
  assert.equal(listener.ends.length, 1);
});

test("the listener hears whether what was on its way may be sent again", () => {
  for (const [code, resend] of [[1002, false], [1007, false], [1009, false], [1006, true], [4002, true], [4006, true], [4505, true]]) {
    const { browser, listener } = opened();
    browser.socket.end(code);
    assert.equal(listener.ends[0].resend, resend, `${code}`);
  }
});

test("a line that is no envelope is warned of and does no harm", () => {
  const { browser, listener } = opened();
  browser.socket.frame('{"type":"a"}\noops\n{"type":"b"}');
  assert.deepEqual(listener.envelopes.map(({ type }) => type), ["a", "b"]);
  assert.equal(browser.warnings.length, 1);
});
