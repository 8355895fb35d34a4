import assert from "node:assert/strict";
import { test } from "node:test";

import { READ_MS } from "../../chat/static/chat/client/readmark.js";
import { Client } from "../../chat/static/chat/client/client.js";
import { durableAck, FakeBrowser, FakeView, failure, kept, welcome } from "./fakes.js";

const ME = { id: "user:1", name: "Ada", kind: "user" };
const mine = (changes) => ({ room: "lobby", title: "Lobby", kind: "public", role: "member", last: 3, read: 1, archived: false, ...changes });

/** Return a client of somebody signed in, in the lobby with three messages, of which one was read. */
function entered(rooms = [mine()]) {
  const browser = new FakeBrowser();
  const view = new FakeView();
  const client = new Client({ room: "lobby", path: "/ws", rooms, adapters: browser, view });
  client.start();
  arrive(browser, rooms);
  return { browser, view, client };
}

function arrive(browser, rooms, numbers = [1, 2, 3]) {
  browser.socket.say(welcome({ user: ME }), { type: "you", payload: { rooms } });
  const messages = numbers.map((number) => kept(number));
  browser.socket.say(durableAck(browser.socket.last("join").id, messages, numbers.at(-1), { you: ME }));
}

const told = (browser) => browser.socket.all("read").map(({ payload }) => payload);

test("what is seen is told to the server at once, and counts as read", () => {
  const { browser, client, view } = entered();
  client.saw();
  assert.deepEqual(told(browser), [{ room: "lobby", message: 3 }]);
  assert.equal(view.last("rooms")[0].unread, 0);
});

test("it is told at most once in two seconds, the newest then", () => {
  const { browser, client } = entered();
  client.saw();
  for (const number of [4, 5]) {
    browser.socket.say(kept(number));
    client.saw();
  }
  assert.equal(told(browser).length, 1);
  browser.pass(READ_MS - 1);
  assert.equal(told(browser).length, 1);
  browser.pass(1);
  assert.deepEqual(told(browser).map(({ message }) => message), [3, 5]);
  client.saw();
  browser.pass(10 * READ_MS);
  assert.equal(told(browser).length, 2);
});

test("who is not in the room tells nothing, until they have come in", () => {
  const { browser, client } = entered([]);
  client.saw();
  assert.deepEqual(told(browser), []);
  browser.socket.say({ type: "room", payload: mine({ last: 3, read: 2 }) });
  assert.deepEqual(told(browser), [{ room: "lobby", message: 3 }]);
});

test("what was read already is not told", () => {
  const { browser, client } = entered([mine({ read: 3 })]);
  client.saw();
  browser.pass(READ_MS);
  assert.deepEqual(told(browser), []);
});

test("what was seen without a connection is told on the next", () => {
  const { browser, client } = entered();
  browser.socket.end();
  client.saw();
  browser.pass(20_500);
  arrive(browser, [mine()]);
  assert.deepEqual(told(browser), [{ room: "lobby", message: 3 }]);
});

test("a server that cannot take it now is told again, one that refuses it is not", () => {
  for (const [code, times] of [["unavailable", 2], ["forbidden", 1]]) {
    const { browser, client } = entered();
    client.saw();
    browser.socket.say(failure(browser.socket.last("read").id, code));
    browser.pass(2 * READ_MS);
    assert.equal(told(browser).length, times, code);
  }
});

test("one's role here is told when it changes, and notices are", () => {
  const { browser, view } = entered();
  assert.deepEqual(view.all("role"), []);
  browser.socket.say({ type: "room", payload: mine({ role: "moderator" }) }, { type: "room", payload: mine({ role: "" }) });
  browser.socket.say({ type: "notice", payload: { text: "Hello", level: "info" } });
  assert.deepEqual(view.all("role"), ["moderator", ""]);
  assert.deepEqual(view.last("notice"), { text: "Hello", level: "info" });
});

test("what one may do follows what is barred", () => {
  const { client, view } = entered();
  const item = view.items[0];
  const open = { post: "", react: "", delete: "", moderate: "no" };
  const table = [
    [open, { reply: true, react: true, edit: false, delete: false }],
    [{ ...open, moderate: "" }, { reply: true, react: true, edit: false, delete: true }],
    [{ ...open, post: "no" }, { reply: false, react: true, edit: false, delete: false }],
    [{ post: "no", react: "no", delete: "no", moderate: "" }, { reply: false, react: false, edit: false, delete: false }],
  ];
  for (const [bars, may] of table) {
    client.room.bar(bars);
    assert.deepEqual(client.room.may(item), may);
  }
  client.room.bar({ ...open, post: "no" });
  assert.deepEqual(client.room.may({ ...item, author: ME, own: true }), { reply: false, react: true, edit: false, delete: true });
});

test("a refused join tells its code", () => {
  const browser = new FakeBrowser();
  const refused = [];
  const view = new FakeView();
  view.refused = (...words) => refused.push(words);
  new Client({ room: "lobby", path: "/ws", adapters: browser, view }).start();
  browser.socket.say(welcome());
  browser.socket.say(failure(browser.socket.last("join").id, "forbidden"));
  assert.deepEqual(refused, [["Says forbidden", "forbidden"]]);
});

test("what was seen just before the page goes is told then", () => {
  const { browser, client } = entered();
  client.saw();
  browser.socket.say(kept(4));
  client.saw();
  browser.leave();
  assert.deepEqual(told(browser).map(({ message }) => message), [3, 4]);
});
