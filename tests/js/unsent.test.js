import assert from "node:assert/strict";
import { test } from "node:test";

import { CLAIM_MS, LOOK_MS, MAX_BYTES, MAX_MESSAGES, STALE_MS } from "../../chat/static/chat/client/unsent.js";
import { enter, failure, FakeBrowser, FakeProfile, kept, message, welcome, YOU } from "./fakes.js";
import { ack, echo, enteredDurable, redial, sends, started } from "./started.js";

const AFTER_ALL = STALE_MS + 3 * LOOK_MS;
const unsent = (profile) => [...profile.stored].filter(([name]) => name.startsWith("chat.unsent.")).map(([, entry]) => JSON.parse(entry));
const tab = (profile, seed) => started(undefined, new FakeBrowser(profile, seed));
const states = (client) => client.room.items.map(({ text, state }) => [text, state]);

for (const locks of [true, false]) {
  const where = locks ? "with locks" : "without locks";

  test(`what is not acknowledged outlasts a reload and is sent with the same key, ${where}`, () => {
    const profile = new FakeProfile({ locks });
    const one = tab(profile, 1);
    enter(one.browser.socket);
    for (const text of ["a", "b"]) one.client.room.write(text);
    const { key } = one.browser.socket.last("send").payload;
    one.browser.leave();
    const two = tab(profile, 2);
    two.browser.pass(1000);
    assert.deepEqual(states(two.client), [["a", "waiting"], ["b", "waiting"]]);
    enter(two.browser.socket);
    assert.equal(two.browser.socket.last("send").payload.key, key);
    two.browser.socket.say(ack(two.browser.socket));
    two.browser.socket.say(ack(two.browser.socket));
    assert.deepEqual(sends(two.browser.socket), ["a", "b"]);
    assert.deepEqual(unsent(profile), []);
  });

  test(`a tab does not send what a living one is sending, ${where}`, () => {
    const profile = new FakeProfile({ locks });
    const one = tab(profile, 1);
    enter(one.browser.socket);
    one.client.room.write("a");
    const two = tab(profile, 2);
    enter(two.browser.socket);
    for (let passed = 0; passed < 60_000; passed += 1000) {
      one.browser.pass(1000);
      two.browser.pass(1000);
    }
    assert.deepEqual([sends(two.browser.sockets[0]), two.client.room.items], [[], []]);
  });

  test(`what a tab that crashed had not sent is adopted by exactly one other, ${where}`, () => {
    const profile = new FakeProfile({ locks });
    const [one, ...others] = [1, 2, 3, 4].map((seed) => tab(profile, seed));
    one.browser.socket.say(welcome());
    one.client.room.write("a");
    for (const { browser } of others) browser.pass(LOOK_MS);
    one.browser.leave({ crash: true });
    for (let passed = 0; passed < AFTER_ALL; passed += 100) for (const { browser } of others) browser.pass(100);
    const adopted = others.filter(({ client }) => client.room.items.length > 0);
    assert.equal(adopted.length, 1);
    assert.deepEqual(unsent(profile).map(({ records }) => records.map(({ text }) => text)), [["a"]]);
  });
}

test("without locks, of two tabs that claim at once the first one gives way", () => {
  const profile = new FakeProfile({ locks: false });
  const records = [{ key: "key-of-a-message", text: "a", at: "2030-01-01T00:00:00.000Z" }];
  profile.stored.set("chat.unsent.lobby.gone", JSON.stringify({ beat: 0, by: "gone", records }));
  const { browser, client } = tab(profile, 1);
  const claimed = JSON.parse(profile.stored.get("chat.unsent.lobby.gone"));
  assert.notEqual(claimed.by, "gone");
  profile.stored.set("chat.unsent.lobby.gone", JSON.stringify({ ...claimed, by: "another" }));
  browser.pass(CLAIM_MS);
  assert.deepEqual([client.room.items, profile.stored.size], [[], 1]);
});

test("what was stored before the reload is settled by its envelope and not sent again", () => {
  const profile = new FakeProfile();
  const one = enteredDurable([], 0, new FakeBrowser(profile, 1));
  one.room.write("a");
  const { key } = one.browser.socket.last("send").payload;
  one.browser.leave();
  const two = enteredDurable([kept(1, 1, { key, text: "a" })], 1, new FakeBrowser(profile, 2));
  assert.deepEqual([states(two.client), sends(two.browser.socket), unsent(profile)], [[["a", "sent"]], [], []]);
  assert.equal(two.room.items[0].own, true);
});

test("what another tab left is not shown where its envelope was seen already", () => {
  const profile = new FakeProfile();
  const one = tab(profile, 1);
  const two = tab(profile, 2);
  for (const { browser } of [one, two]) enter(browser.socket);
  one.client.room.write("a");
  two.browser.pass(LOOK_MS);
  two.browser.socket.say(echo(one.browser.socket));
  one.browser.leave();
  assert.deepEqual([states(two.client), sends(two.browser.socket), unsent(profile)], [[["a", "sent"]], [], []]);
});

test("a failed message outlasts a reload as failed, may be sent again or discarded", () => {
  const profile = new FakeProfile();
  const one = tab(profile, 1);
  enter(one.browser.socket);
  for (const text of ["a", "b"]) {
    one.client.room.write(text);
    one.browser.socket.say(failure(one.browser.socket.last("send").id, "forbidden"));
  }
  one.browser.leave();
  const { browser, client, view } = tab(profile, 2);
  enter(browser.socket);
  assert.deepEqual(client.room.items.map(({ state, error }) => [state, error]), [["failed", "Says forbidden"], ["failed", "Says forbidden"]]);
  client.room.retry(client.room.items[0]);
  assert.deepEqual([sends(browser.socket), client.room.items.at(-1).text], [["a"], "a"]);
  client.room.discard(client.room.items[0]);
  assert.deepEqual([states(client), view.all("removed").length], [[["a", "sending"]], 1]);
  assert.deepEqual(unsent(profile)[0].records.map(({ text }) => text), ["a"]);
});

test("what is in flight or sent is not discarded", () => {
  const { browser, room } = enteredDurable([kept(1, 1, { author: YOU })]);
  room.write("a");
  for (const item of [...room.items]) room.discard(item);
  assert.equal(room.items.length, 2);
  redial(browser);
  room.discard(room.items[1]);
  assert.equal(room.items.length, 1);
});

test("an account's message is not sent under another account, unless that one asks for it", () => {
  const profile = new FakeProfile();
  const user = (id) => ({ user: { id, name: id.toUpperCase(), kind: "user" } });
  const one = tab(profile, 1);
  one.browser.socket.say(welcome(user("ada")));
  one.client.room.write("a");
  one.browser.leave();
  const two = tab(profile, 2);
  two.browser.socket.say(welcome(user("bob")));
  const { id } = two.browser.socket.last("join");
  two.browser.socket.say({ type: "ack", id, payload: { room: "lobby", you: user("bob").user } });
  assert.deepEqual([sends(two.browser.socket), two.client.room.items[0].error], [[], "Written as ADA."]);
  two.client.room.retry(two.client.room.items[0]);
  assert.deepEqual(sends(two.browser.socket), ["a"]);
});

test("storage holds a bounded part, and it is said that the rest does not outlast the page", () => {
  const table = [[MAX_MESSAGES + 5, "x", MAX_MESSAGES], [12, "é".repeat(15_000), Math.floor(MAX_BYTES / 30_200)]];
  for (const [count, text, most] of table) {
    const profile = new FakeProfile();
    const { client, view } = tab(profile, 1);
    for (let written = 0; written < count; written += 1) client.room.write(text);
    assert.equal(unsent(profile)[0].records.length, most);
    assert.deepEqual(view.all("complaint"), ["Only 100 messages or 256 KiB that are not sent yet outlast this page."]);
    assert.equal(client.room.items.length, count);
  }
});

test("a full or forbidden storage is said once, and messages are sent all the same", () => {
  const refuse = [(browser) => (browser.profile.quota = 10), (browser) => (browser.lasting = false)];
  for (const prepare of refuse) {
    const { browser, client, view } = started(prepare);
    enter(browser.socket);
    client.room.write("a");
    client.room.write("b");
    assert.deepEqual(view.all("complaint"), ["This browser keeps nothing: what is not sent yet is lost with this page."]);
    assert.deepEqual(sends(browser.socket), ["a"]);
  }
});

test("what is no entry in storage is cleared away", () => {
  const profile = new FakeProfile();
  profile.stored.set("chat.unsent.lobby.old", "{");
  profile.stored.set("chat.unsent.lobby.odd", '{"records":[{"key":1},null,7]}');
  profile.stored.set("chat.unsent.other.tab", '{"records":[]}');
  const { client } = tab(profile, 1);
  assert.deepEqual([client.room.items, [...profile.stored.keys()]], [[], ["chat.unsent.other.tab"]]);
});

test("a message of a volatile room that came meanwhile does not disturb what waits", () => {
  const { browser, client } = started();
  client.room.write("a");
  enter(browser.socket);
  browser.socket.say(message({ text: "other" }));
  assert.deepEqual(client.room.items.map(({ text }) => text), ["other", "a"]);
});
