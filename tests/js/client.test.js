import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../../chat/static/chat/client/client.js";
import { enter, failure, FakeBrowser, FakeView, joinAck, message, OTHER, welcome, YOU } from "./fakes.js";

function started(prepare = () => {}) {
  const browser = new FakeBrowser();
  prepare(browser);
  const view = new FakeView();
  const client = new Client({ room: "lobby", path: "/ws", adapters: browser, view });
  client.start();
  return { browser, view, client };
}

function entered(changes) {
  const all = started();
  enter(all.browser.socket, changes);
  return all;
}

/** Lose the connection, wait it out, and enter again. */
function comeBack(browser, code = 1006) {
  browser.socket.end(code);
  browser.pass(20_500);
  enter(browser.socket);
}

const sends = (socket) => socket.all("send").map(({ payload }) => payload.text);
const ack = (socket) => ({ type: "ack", id: socket.last("send").id, payload: { message: 9, offset: null, at: "2030-01-01T00:00:05.000Z" } });
const echo = (socket, changes) => {
  const { text, key } = socket.last("send").payload;
  return message({ text, key, author: YOU, ...changes });
};

test("it joins its room once welcomed and shows the room's title", () => {
  const { browser, view } = started();
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.last("join").payload, { room: "lobby" });
  browser.socket.say(joinAck(browser.socket.last("join").id, { title: "The lobby" }));
  assert.deepEqual(view.last("joined"), { title: "The lobby" });
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

test("what is written is shown at once and sent with room, text and key", () => {
  const { browser, view, client } = entered();
  assert.equal(client.write("hi\nthere"), "");
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
    client.write("hi");
    browser.socket.say(...order(browser.socket));
    assert.deepEqual(view.items.map(({ state, text, own }) => [state, text, own]), [["sent", "hi", true]]);
    comeBack(browser);
    assert.deepEqual(sends(browser.socket), [], "a settled message is not sent again");
  }
});

test("messages leave in their order, one at a time", () => {
  const { browser, client } = entered();
  for (const text of ["a", "b", "c"]) client.write(text);
  assert.deepEqual(sends(browser.socket), ["a"]);
  browser.socket.say(ack(browser.socket));
  assert.deepEqual(sends(browser.socket), ["a", "b"]);
  browser.socket.say(echo(browser.socket));
  assert.deepEqual(sends(browser.socket), ["a", "b", "c"]);
});

test("what is written while disconnected waits and is sent once, in order, when the room is joined", () => {
  const { browser, view, client } = started();
  client.write("before any connection");
  browser.socket.end();
  client.write("while waiting");
  assert.deepEqual(view.items.map(({ state }) => state), ["waiting", "waiting"]);
  browser.pass(20_000);
  browser.socket.say(welcome());
  client.write("while joining");
  assert.deepEqual(sends(browser.socket), []);
  browser.socket.say(joinAck(browser.socket.last("join").id));
  for (let left = 3; left > 0; left -= 1) browser.socket.say(ack(browser.socket), echo(browser.socket));
  assert.deepEqual(sends(browser.socket), ["before any connection", "while waiting", "while joining"]);
  assert.deepEqual(view.items.map(({ state }) => state), ["sent", "sent", "sent"]);
});

test("what was not acknowledged is sent again with the same key", () => {
  const { browser, view, client } = entered();
  client.write("hi");
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
    client.write("bad");
    client.write("good");
    comeBack(browser, code);
    assert.deepEqual(sends(browser.socket), ["good"]);
    assert.deepEqual([view.items[0].state, view.items[0].again], ["failed", false]);
    client.retry(view.items[0]);
    assert.deepEqual(sends(browser.socket), ["good"], "nor by hand");
  }
});

test("a passing error is tried again after the time that it says, keeping the order", () => {
  for (const code of ["unavailable", "rate_limited", "slow_mode"]) {
    const { browser, view, client } = entered();
    client.write("a");
    client.write("b");
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
  client.write("a");
  browser.socket.say(failure(browser.socket.last("send").id, "unavailable"));
  browser.pass(499);
  assert.equal(browser.socket.all("send").length, 1);
  browser.pass(501);
  assert.equal(browser.socket.all("send").length, 2);
});

test("an envelope that comes while a message waits for another try settles it", () => {
  const { browser, view, client } = entered();
  client.write("a");
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
    client.write("a");
    client.write("b");
    const { id, payload } = browser.socket.last("send");
    browser.socket.say(failure(id, code));
    assert.deepEqual([view.items[0].state, view.items[0].error, view.items[0].again], ["failed", `Says ${code}`, true]);
    assert.deepEqual(sends(browser.socket), ["a", "b"]);
    browser.socket.say(ack(browser.socket));
    client.retry(view.items[0]);
    client.retry(view.items[0]);
    assert.deepEqual(sends(browser.socket), ["a", "b", "a"]);
    assert.equal(browser.socket.last("send").payload.key, payload.key);
    client.retry(view.items[1]);
    assert.equal(browser.socket.all("send").length, 3, "what is sent is not sent again");
  }
});

test("a failed message whose envelope comes after all is sent", () => {
  const { browser, view, client } = entered();
  client.write("a");
  const envelope = echo(browser.socket);
  browser.socket.say(failure(browser.socket.last("send").id, "internal"), envelope);
  assert.deepEqual([view.items.length, view.items[0].state, view.items[0].error], [1, "sent", ""]);
});

test("not_joined joins once more and sends again; a second time it fails", () => {
  const { browser, view, client } = entered();
  client.write("a");
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
  for (const text of ["", " ", "\n\t\u00a0"]) assert.notEqual(client.write(text), "", JSON.stringify(text));
  assert.deepEqual([view.items, browser.socket.all("send")], [[], []]);
});

test("a text too long in UTF-8 is refused before it is sent, one that fits exactly is not", () => {
  const { browser, client } = entered();
  assert.equal(client.write("é".repeat(51)), "Too long: 102 bytes of at most 100.");
  assert.equal(client.write("é".repeat(50)), "");
  assert.deepEqual(sends(browser.socket), ["é".repeat(50)]);
});

test("a text that turns out too long once the limit is known fails without being sent, and lets the next through", () => {
  const { browser, view, client } = started();
  client.write("x".repeat(101));
  client.write("y");
  enter(browser.socket);
  assert.deepEqual(sends(browser.socket), ["y"]);
  assert.deepEqual([view.items[0].state, view.items[0].error], ["failed", "Too long: 101 bytes of at most 100."]);
});

test("half an emoji is mended before it is sent", () => {
  const { browser, client } = entered();
  client.write("x\ud83d");
  assert.deepEqual(sends(browser.socket), ["x\ufffd"]);
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

test("resync joins again", () => {
  const { browser } = entered();
  browser.socket.say({ type: "resync", payload: { room: "lobby" } }, { type: "resync", payload: { room: "other" } });
  assert.equal(browser.socket.all("join").length, 2);
});

test("no timer of a lost connection sends anything on the next", () => {
  const { browser, client } = entered();
  client.write("a");
  browser.socket.say(failure(browser.socket.last("send").id, "rate_limited", { retry_after_s: 30 }));
  browser.socket.end();
  browser.pass(750);
  enter(browser.socket);
  browser.socket.say(ack(browser.socket));
  browser.pass(35_000);
  assert.deepEqual(sends(browser.sockets[1]), ["a"]);
});

test("a chosen name is sent, shown, remembered, and said first on the next connection", () => {
  const { browser, view, client } = entered();
  assert.equal(client.rename("  Ada "), "");
  const { id, payload } = browser.socket.last("name");
  assert.deepEqual(payload, { name: "Ada" });
  browser.socket.say({ type: "ack", id, payload: { user: { ...YOU, name: "Ada" } } });
  assert.equal(view.last("you").name, "Ada");
  browser.socket.end();
  browser.pass(20_000);
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.sent.map(({ type }) => type), ["name", "join"]);
});

test("a name chosen while disconnected is said once connected", () => {
  const { browser, view, client } = started();
  assert.equal(client.rename("Ada"), "");
  assert.equal(view.last("you").name, "Ada");
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.last("name").payload, { name: "Ada" });
});

test("an empty name is refused before it is sent", () => {
  const { browser, client } = entered();
  assert.notEqual(client.rename("  "), "");
  assert.equal(browser.socket.all("name").length, 0);
});

test("a name that the server refuses is told and forgotten, one it cannot take now is kept", () => {
  for (const [code, stored] of [["forbidden", null], ["bad_frame", null], ["rate_limited", "Server"], ["unavailable", "Server"]]) {
    const { browser, view, client } = entered();
    client.rename("Server");
    browser.socket.say(failure(browser.socket.last("name").id, code));
    assert.equal(view.last("unnamed"), `Says ${code}`);
    assert.equal(browser.recall("chat.name"), stored, code);
  }
});

test("a remembered name is not said by somebody signed in, nor when it is the name already", () => {
  for (const user of [{ ...YOU, kind: "user" }, { ...YOU, name: "Ada" }]) {
    const { browser } = started((fresh) => fresh.remember("chat.name", "Ada"));
    browser.socket.say(welcome({ user }));
    assert.equal(browser.socket.all("name").length, 0);
  }
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
