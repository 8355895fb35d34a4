import assert from "node:assert/strict";
import { test } from "node:test";

import { enter, failure, joinAck, message, welcome } from "./fakes.js";
import { ack, comeBack, echo, entered, sends, started } from "./started.js";

test("what is written is shown at once and sent with room, text and key", () => {
  const { browser, view, client } = entered();
  assert.equal(client.room.write("hi\nthere"), "");
  const { payload } = browser.socket.last("send");
  assert.deepEqual(Object.keys(payload), ["room", "text", "key"]);
  assert.deepEqual([payload.room, payload.text], ["lobby", "hi\nthere"]);
  assert.match(payload.key, /^[0-9a-f-]{36}$/);
  assert.deepEqual([view.items[0].state, view.items[0].own], ["sending", true]);
});

test("ack and envelope settle a message in either order, and it is shown once", () => {
  const orders = [
    (socket) => [ack(socket), echo(socket)],
    (socket) => [echo(socket), ack(socket)],
    (socket) => [echo(socket)],
    (socket) => [ack(socket)],
  ];
  for (const order of orders) {
    const { browser, view, client } = entered();
    client.room.write("hi");
    browser.socket.say(...order(browser.socket));
    assert.deepEqual(view.items.map(({ state, text, own }) => [state, text, own]), [["sent", "hi", true]]);
    comeBack(browser);
    assert.deepEqual(sends(browser.socket), [], "a settled message is not sent again");
  }
});

test("messages leave in their order, one at a time", () => {
  const { browser, client } = entered();
  for (const text of ["a", "b", "c"]) client.room.write(text);
  assert.deepEqual(sends(browser.socket), ["a"]);
  browser.socket.say(ack(browser.socket));
  assert.deepEqual(sends(browser.socket), ["a", "b"]);
  browser.socket.say(echo(browser.socket));
  assert.deepEqual(sends(browser.socket), ["a", "b", "c"]);
});

test("what is written while disconnected waits and is sent once, in order, when the room is joined", () => {
  const { browser, view, client } = started();
  client.room.write("before any connection");
  browser.socket.end();
  client.room.write("while waiting");
  assert.deepEqual(view.items.map(({ state }) => state), ["waiting", "waiting"]);
  browser.pass(20_000);
  browser.socket.say(welcome());
  client.room.write("while joining");
  assert.deepEqual(sends(browser.socket), []);
  browser.socket.say(joinAck(browser.socket.last("join").id));
  for (let left = 3; left > 0; left -= 1) browser.socket.say(ack(browser.socket), echo(browser.socket));
  assert.deepEqual(sends(browser.socket), ["before any connection", "while waiting", "while joining"]);
  assert.deepEqual(view.items.map(({ state }) => state), ["sent", "sent", "sent"]);
});

test("what was not acknowledged is sent again with the same key", () => {
  const { browser, view, client } = entered();
  client.room.write("hi");
  const first = browser.socket.last("send").payload;
  browser.socket.end();
  assert.equal(view.items[0].state, "waiting");
  browser.pass(20_000);
  enter(browser.socket);
  assert.deepEqual(browser.socket.last("send").payload, first);
  assert.equal(browser.socket.all("send").length, 1);
});

test("a frame that ended the connection is not sent again, what waited behind it is", () => {
  for (const code of [1002, 1007, 1009]) {
    const { browser, view, client } = entered();
    client.room.write("bad");
    client.room.write("good");
    comeBack(browser, code);
    assert.deepEqual(sends(browser.socket), ["good"]);
    assert.deepEqual([view.items[0].state, view.items[0].again], ["failed", false]);
    client.room.retry(view.items[0]);
    assert.deepEqual(sends(browser.socket), ["good"], "nor by hand");
  }
});

test("a passing error is tried again after the time that it says, keeping the order", () => {
  for (const code of ["unavailable", "rate_limited", "slow_mode"]) {
    const { browser, view, client } = entered();
    client.room.write("a");
    client.room.write("b");
    const { id, payload } = browser.socket.last("send");
    browser.socket.say(failure(id, code, { retry_after_s: 3 }));
    assert.deepEqual([view.items[0].state, view.items[0].error], ["waiting", `Says ${code}`]);
    browser.pass(3000);
    assert.deepEqual(sends(browser.socket), ["a"], "with jitter, never early");
    browser.pass(500);
    assert.deepEqual(sends(browser.socket), ["a", "a"]);
    assert.equal(browser.socket.last("send").payload.key, payload.key);
    browser.socket.say(ack(browser.socket));
    assert.deepEqual(sends(browser.socket), ["a", "a", "b"]);
  }
});

test("an error without a time to wait is not answered at once", () => {
  const { browser, client } = entered();
  client.room.write("a");
  browser.socket.say(failure(browser.socket.last("send").id, "unavailable"));
  browser.pass(499);
  assert.equal(browser.socket.all("send").length, 1);
  browser.pass(501);
  assert.equal(browser.socket.all("send").length, 2);
});

test("an envelope that comes while a message waits for another try settles it", () => {
  const { browser, view, client } = entered();
  client.room.write("a");
  const envelope = echo(browser.socket);
  browser.socket.say(failure(browser.socket.last("send").id, "unavailable", { retry_after_s: 1 }));
  browser.socket.say(envelope);
  browser.pass(60_000);
  browser.socket.say({ type: "ping" });
  assert.equal(view.items[0].state, "sent");
  assert.equal(browser.sockets[0].all("send").length, 1);
});

test("any other error fails the message, frees the next, and leaves sending again to the writer", () => {
  for (const code of ["forbidden", "bad_frame", "internal", "too_large", "conflict", "from the future"]) {
    const { browser, view, client } = entered();
    client.room.write("a");
    client.room.write("b");
    const { id, payload } = browser.socket.last("send");
    browser.socket.say(failure(id, code));
    assert.deepEqual([view.items[0].state, view.items[0].error, view.items[0].again], ["failed", `Says ${code}`, true]);
    assert.deepEqual(sends(browser.socket), ["a", "b"]);
    browser.socket.say(ack(browser.socket));
    client.room.retry(view.items[0]);
    client.room.retry(view.items[0]);
    assert.deepEqual(sends(browser.socket), ["a", "b", "a"]);
    assert.equal(browser.socket.last("send").payload.key, payload.key);
    client.room.retry(view.items[1]);
    assert.equal(browser.socket.all("send").length, 3, "what is sent is not sent again");
  }
});

test("a failed message whose envelope comes after all is sent", () => {
  const { browser, view, client } = entered();
  client.room.write("a");
  const envelope = echo(browser.socket);
  browser.socket.say(failure(browser.socket.last("send").id, "internal"), envelope);
  assert.deepEqual([view.items.length, view.items[0].state, view.items[0].error], [1, "sent", ""]);
});

test("not_joined joins once more and sends again; a second time it fails", () => {
  const { browser, view, client } = entered();
  client.room.write("a");
  browser.socket.say(failure(browser.socket.last("send").id, "not_joined"));
  assert.equal(browser.socket.all("join").length, 2);
  assert.equal(browser.socket.all("send").length, 1);
  browser.socket.say(joinAck(browser.socket.last("join").id));
  browser.socket.say(failure(browser.socket.last("send").id, "not_joined"));
  assert.equal(browser.socket.all("send").length, 2);
  assert.equal(view.items[0].state, "failed");
});

test("nothing to say is refused before it is sent", () => {
  const { browser, view, client } = entered();
  for (const text of ["", " ", "\n\t\u00a0"]) assert.notEqual(client.room.write(text), "", JSON.stringify(text));
  assert.deepEqual([view.items, browser.socket.all("send")], [[], []]);
});

test("a text too long in UTF-8 is refused before it is sent, one that fits exactly is not", () => {
  const { browser, client } = entered();
  assert.equal(client.room.write("é".repeat(51)), "Too long: 102 bytes of at most 100.");
  assert.equal(client.room.write("é".repeat(50)), "");
  assert.deepEqual(sends(browser.socket), ["é".repeat(50)]);
});

test("a text that turns out too long once the limit is known fails without being sent, and lets the next through", () => {
  const { browser, view, client } = started();
  client.room.write("x".repeat(101));
  client.room.write("y");
  enter(browser.socket);
  assert.deepEqual(sends(browser.socket), ["y"]);
  assert.deepEqual([view.items[0].state, view.items[0].error], ["failed", "Too long: 101 bytes of at most 100."]);
});

test("half an emoji is mended before it is sent", () => {
  const { browser, client } = entered();
  client.room.write("x\ud83d");
  assert.deepEqual(sends(browser.socket), ["x\ufffd"]);
});

test("what waits for a room that is gone fails with the reason, and what is written later too", () => {
  const { browser, view, client } = entered();
  client.room.write("on its way");
  client.room.write("waits");
  browser.socket.say({ type: "resync", payload: { room: "lobby" } });
  browser.socket.say(failure(browser.socket.last("join").id, "not_found"));
  browser.socket.say(failure(browser.socket.last("send").id, "not_joined"));
  browser.socket.say(failure(browser.socket.last("join").id, "not_found"));
  client.room.write("too late");
  const says = (item) => [item.text, item.state, item.error, item.again];
  assert.deepEqual(view.items.map(says), ["on its way", "waits", "too late"].map((text) => [text, "failed", "Says not_found", true]));
  assert.deepEqual(sends(browser.socket), ["on its way"]);
});

test("a room that lets one in again takes what failed before", () => {
  const { browser, view, client } = entered();
  browser.socket.say({ type: "resync", payload: { room: "lobby" } });
  browser.socket.say(failure(browser.socket.last("join").id, "not_found"));
  client.room.write("again");
  comeBack(browser);
  client.room.retry(view.items[0]);
  assert.deepEqual(sends(browser.socket), ["again"]);
});
