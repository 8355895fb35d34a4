import assert from "node:assert/strict";
import { test } from "node:test";

import { enter, failure, joinAck, message, OTHER, welcome, YOU } from "./fakes.js";
import { ack, comeBack, entered, sends, started } from "./started.js";

test("it joins its room once welcomed and shows the room's title and topic", () => {
  const { browser, view } = started();
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.last("join").payload, { room: "lobby" });
  browser.socket.say(joinAck(browser.socket.last("join").id, { title: "The lobby", topic: "All of us" }));
  assert.deepEqual(view.last("joined"), { title: "The lobby", topic: "All of us" });
  assert.deepEqual(view.last("you"), YOU);
});

test("messages, binary ones and broadcasts are shown; others' rooms, unknown types and fields are not minded", () => {
  const { browser, view } = entered();
  browser.socket.say(
    message({ text: "one", future: { a: 1 } }),
    message({ text: undefined, data: "AAEC", key: "raw-data-1" }),
    { type: "broadcast", payload: { room: "lobby", name: "time", text: "Server broadcast: x", at: "2030-01-01T00:00:00.000Z" } },
    message({ room: "other", text: "elsewhere" }),
    { type: "presence", payload: { room: "lobby", joined: [] } },
    { type: "__proto__", payload: { room: "lobby" } },
  );
  assert.deepEqual(
    view.items.map(({ kind, text, bytes }) => [kind, text, bytes]),
    [["message", "one", null], ["message", "", 3], ["broadcast", "Server broadcast: x", undefined]],
  );
});

test("a message with holes in it is shown with what it has", () => {
  const { browser, view } = entered();
  browser.socket.say({ type: "message", payload: { room: "lobby", text: 7, author: null } });
  assert.deepEqual([view.items[0].text, view.items[0].author.name, view.items[0].own], ["", "", false]);
});

test("in a volatile room every message counts, the same number or text again too", () => {
  const { browser, view } = entered();
  browser.socket.say(message(), message(), message({ message: 1, text: "hello", key: null }));
  assert.equal(view.items.length, 3);
});

test("the same key twice is one message, also across a reconnect", () => {
  const { browser, view } = entered();
  browser.socket.say(message({ key: "key-0001" }), message({ key: "key-0001" }));
  comeBack(browser);
  browser.socket.say(message({ key: "key-0001", author: YOU }));
  assert.equal(view.items.length, 1);
});

test("messages that come with the join are shown", () => {
  const { browser, view } = started();
  browser.socket.say(welcome());
  const old = message({ text: "before", key: "key-0002" }).payload;
  browser.socket.say(joinAck(browser.socket.last("join").id, { messages: [old] }));
  assert.deepEqual(view.texts, ["before"]);
});

test("one's own messages are told from others' by author and by key", () => {
  const { browser, view } = entered();
  browser.socket.say(message({ author: OTHER }), message({ author: YOU }));
  assert.deepEqual(view.items.map(({ own }) => own), [false, true]);
});

test("a refused join says why; a passing refusal is tried again", () => {
  for (const [code, joins] of [["not_found", 1], ["forbidden", 1], ["unavailable", 2], ["rate_limited", 2]]) {
    const { browser, view } = started();
    browser.socket.say(welcome());
    browser.socket.say(failure(browser.socket.last("join").id, code, { retry_after_s: 2 }));
    assert.equal(view.last("refused"), `Says ${code}`);
    browser.pass(2500);
    assert.equal(browser.socket.all("join").length, joins, code);
  }
});

test("a room without title or topic has empty ones, and the message limit is told", () => {
  const { browser, view } = started();
  browser.socket.say(welcome());
  browser.socket.say(joinAck(browser.socket.last("join").id, { title: null, topic: undefined }));
  assert.deepEqual([view.last("joined"), view.last("limit")], [{ title: "", topic: "" }, 100]);
});

test("resync joins again", () => {
  const { browser } = entered();
  browser.socket.say({ type: "resync", payload: { room: "lobby" } }, { type: "resync", payload: { room: "other" } });
  assert.equal(browser.socket.all("join").length, 2);
});

test("no timer of a lost connection sends anything on the next", () => {
  const { browser, client } = entered();
  client.room.write("a");
  browser.socket.say(failure(browser.socket.last("send").id, "rate_limited", { retry_after_s: 30 }));
  browser.socket.end();
  browser.pass(750);
  enter(browser.socket);
  browser.socket.say(ack(browser.socket));
  browser.pass(35_000);
  assert.deepEqual(sends(browser.sockets[1]), ["a"]);
});

test("an error that answers nothing is shown", () => {
  const { browser, view } = entered();
  browser.socket.say({ type: "error", payload: { code: "internal", message: "Our fault: 7f" } });
  browser.socket.say({ type: "error", payload: {} });
  assert.deepEqual(view.all("complaint"), ["Our fault: 7f", "The server refused it (no code)."]);
});

test("an error is told as a sentence, without its place in the frame", () => {
  const table = [
    ["payload.name: a name may not begin with “Server”", "A name may not begin with “Server”"],
    ["payload: expected `text` or `data`, got both", "Expected `text` or `data`, got both"],
    ["There is no such room.", "There is no such room."],
    ["überall payload.x: y", "Überall payload.x: y"],
  ];
  const { browser, view } = entered();
  for (const [message, shown] of table) {
    browser.socket.say({ type: "error", payload: { code: "bad_frame", message } });
    assert.equal(view.last("complaint"), shown);
  }
});
