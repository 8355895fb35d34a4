import assert from "node:assert/strict";
import { test } from "node:test";

import { expected } from "../../chat/static/chat/client/changes.js";
import { durableAck, enterDurable, failure, FakeBrowser, FakeProfile, kept, OTHER, welcome, YOU } from "./fakes.js";
import { enteredDurable, redial, started } from "./started.js";

const own = { author: YOU };
const thumb = (...ids) => ({ "👍": { count: ids.length, ids } });
const entered = () => enteredDurable([kept(1), kept(2, 2, own)]);
const seen = (room, number) => expected(room.message(number), YOU);
const inTab = (profile, seed, messages = [kept(1), kept(2, 2, own)]) => enteredDurable(messages, 2, new FakeBrowser(profile, seed));
const waiting = (profile) => [...profile.stored.values()].map((entry) => JSON.parse(entry).records ?? []).flat();
const done = (socket, verb, offset) => ({ type: "ack", id: socket.last(verb).id, payload: { offset } });

test("an edit is shown at once as on its way, and done once its envelope has come", () => {
  const { browser, room, view } = entered();
  assert.equal(room.edit(room.message(2), "two"), "");
  assert.deepEqual(browser.socket.last("edit").payload, { room: "lobby", message: 2, text: "two" });
  assert.deepEqual([seen(room, 2).text, seen(room, 2).waiting], ["two", "Saving…"]);
  browser.socket.say(done(browser.socket, "edit", 3));
  assert.equal(seen(room, 2).text, "two", "no step back between ack and envelope");
  browser.socket.say(kept(2, 3, { ...own, text: "two", edited_at: "2030-01-01T00:01:00.000Z" }));
  assert.deepEqual([seen(room, 2).text, seen(room, 2).waiting, room.message(2).changes], ["two", "", []]);
  assert.equal(view.last("changed"), room.message(2));
});

test("the envelope may come before the ack", () => {
  const { browser, room } = entered();
  room.delete(room.message(2));
  assert.equal(seen(room, 2).waiting, "Deleting…");
  browser.socket.say(kept(2, 3, { ...own, text: undefined, deleted: true }), done(browser.socket, "delete", 3));
  assert.deepEqual([seen(room, 2).deleted, room.message(2).changes], [true, []]);
});

test("a change that changed nothing is done with its ack", () => {
  const { browser, room } = entered();
  room.react(room.message(1), "👍", false);
  browser.socket.say(done(browser.socket, "react", 1));
  assert.deepEqual(room.message(1).changes, []);
});

test("a refusal is told in words and the message is as it was", () => {
  const table = [
    ["edit", (room) => room.edit(room.message(2), "two"), "conflict", "Not changed: Says conflict"],
    ["delete", (room) => room.delete(room.message(2)), "forbidden", "Not deleted: Says forbidden"],
    ["react", (room) => room.react(room.message(2), "👍", true), "not_found", "No reaction: Says not_found"],
  ];
  for (const [verb, act, code, words] of table) {
    const { browser, room } = entered();
    act(room);
    browser.socket.say(failure(browser.socket.last(verb).id, code));
    assert.deepEqual([room.message(2).error, seen(room, 2).text, seen(room, 2).reactions, room.message(2).changes], [words, "m2", [], []]);
    room.edit(room.message(2), "other");
    assert.equal(room.message(2).error, "", "the next try begins anew");
  }
});

test("a passing error is tried again after the time that it says", () => {
  for (const code of ["unavailable", "rate_limited"]) {
    const { browser, room } = entered();
    room.edit(room.message(2), "two");
    browser.socket.say(failure(browser.socket.last("edit").id, code, { retry_after_s: 2 }));
    browser.pass(2000);
    assert.equal(browser.socket.all("edit").length, 1);
    browser.pass(500);
    assert.equal(browser.socket.all("edit").length, 2);
  }
});

test("a change whose answer was lost is asked for again after the next join, and waits while offline", () => {
  const { browser, room } = entered();
  room.edit(room.message(2), "two");
  redial(browser);
  room.react(room.message(1), "👍", true);
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.all("edit"), []);
  const stored = kept(2, 3, { ...own, text: "two" });
  browser.socket.say(durableAck(browser.socket.last("join").id, [stored], 3, { recovered: true }));
  assert.deepEqual([browser.socket.last("edit").payload.text, browser.socket.last("react").payload.emoji], ["two", "👍"]);
  browser.socket.say(done(browser.socket, "edit", 3));
  assert.deepEqual(room.message(2).changes, []);
});

test("a log that starts over forgets changes of the old one's messages", () => {
  const { browser, room } = entered();
  redial(browser);
  room.edit(room.message(2), "two");
  browser.socket.say(welcome());
  browser.socket.say(durableAck(browser.socket.last("join").id, [kept(2, 2, own)], 2, { epoch: "epoch-2" }));
  assert.deepEqual([browser.socket.all("edit"), seen(room, 2).text], [[], "m2"]);
});

test("the last of two edits counts, whichever is answered first", () => {
  const { browser, room } = entered();
  room.edit(room.message(2), "two");
  const { id } = browser.socket.last("edit");
  room.edit(room.message(2), "second");
  browser.socket.say({ type: "ack", id, payload: { offset: 3 } }, kept(2, 3, { ...own, text: "two" }));
  assert.deepEqual([seen(room, 2).text, seen(room, 2).waiting], ["second", "Saving…"]);
});

test("a reaction is counted at once, on and off", () => {
  const { browser, room } = entered();
  const counts = () => seen(room, 1).reactions.map(({ emoji, count, ids }) => [emoji, count, ids]);
  room.react(room.message(1), "👍", true);
  assert.deepEqual(counts(), [["👍", 1, ["g1"]]]);
  browser.socket.say(done(browser.socket, "react", 3), kept(1, 3, { reactions: thumb("g1") }), kept(1, 4, { reactions: thumb("g1", "g2") }));
  assert.deepEqual(counts(), [["👍", 2, ["g1", "g2"]]]);
  room.react(room.message(1), "👍", false);
  assert.deepEqual(counts(), [["👍", 1, ["g2"]]]);
  browser.socket.say(done(browser.socket, "react", 5), kept(1, 5, { reactions: thumb("g2") }));
  room.react(room.message(1), "🎉", true);
  room.react(room.message(1), "🎉", false);
  assert.deepEqual(counts(), [["👍", 1, ["g2"]]]);
});

test("nothing and too much are refused before they are asked for; the same text again asks for nothing", () => {
  const { browser, room } = entered();
  const texts = ["", "é".repeat(51), "m2"];
  assert.deepEqual(texts.map((text) => room.edit(room.message(2), text)), ["There is nothing to send yet.", "Too long: 102 bytes of at most 100.", ""]);
  assert.deepEqual(browser.socket.all("edit"), []);
});

test("others' changes of one's own message are not mistaken for one's own", () => {
  const { browser, room } = entered();
  room.edit(room.message(2), "two");
  browser.socket.say(kept(2, 3, { ...own, reactions: thumb(OTHER.id) }));
  assert.deepEqual([seen(room, 2).text, seen(room, 2).reactions.length], ["two", 1]);
});

test("a change that the server knows no join for joins again, once", () => {
  const { browser, room } = entered();
  room.edit(room.message(2), "two");
  browser.socket.say(failure(browser.socket.last("edit").id, "not_joined"));
  browser.pass(6_000);
  assert.deepEqual([browser.socket.all("join").length, browser.socket.all("edit").length], [2, 1]);
  browser.socket.say(durableAck(browser.socket.last("join").id, [], 2, { recovered: true }));
  browser.socket.say(failure(browser.socket.last("edit").id, "not_joined"));
  assert.deepEqual([browser.socket.all("join").length, browser.socket.all("edit").length, room.message(2).error], [2, 2, "Not changed: Says not_joined"]);
});

test("a message that was let go and is loaded again shows what waits for it", () => {
  const { browser, room } = entered();
  browser.socket.say(...[3, 4, 5].map((number) => kept(number)));
  room.edit(room.message(2), "two");
  room.keepNewest(2);
  room.older();
  const { id } = browser.socket.last("history");
  browser.socket.say({ type: "ack", id, payload: { messages: [kept(1), kept(2, 2, own), kept(3)].map(({ payload }) => payload), more: false } });
  assert.equal(seen(room, 2).text, "two");
  browser.socket.say(kept(2, 6, { ...own, text: "two", prev: 5 }), done(browser.socket, "edit", 6));
  assert.deepEqual(room.message(2).changes, []);
});

// Over a reload

for (const locks of [true, false]) {
  test(`edits, deletions and reactions that are not acknowledged outlast a reload, ${locks ? "with locks" : "without locks"}`, () => {
    const profile = new FakeProfile({ locks });
    const one = inTab(profile, 1, [kept(1, 1, own), kept(2, 2, own)]);
    one.room.edit(one.room.message(2), "two");
    one.room.delete(one.room.message(1));
    one.room.react(one.room.message(2), "👍", true);
    one.browser.leave();
    const two = started(undefined, new FakeBrowser(profile, 2));
    two.browser.pass(1000);
    enterDurable(two.browser.socket, [kept(1, 1, own), kept(2, 2, own)]);
    const { room } = two.client;
    assert.deepEqual([seen(room, 2).text, seen(room, 2).reactions.length, seen(room, 1).waiting], ["two", 1, "Deleting…"]);
    const verbs = ["edit", "delete", "react"];
    assert.deepEqual(verbs.map((verb) => two.browser.socket.last(verb).payload.message), [2, 1, 2]);
    verbs.forEach((verb, place) => two.browser.socket.say(done(two.browser.socket, verb, 3 + place)));
    assert.deepEqual([...profile.stored], []);
  });
}

test("a tab does not ask for what a living one is asking for", () => {
  const profile = new FakeProfile();
  const one = inTab(profile, 1);
  const two = inTab(profile, 2);
  one.room.edit(one.room.message(2), "two");
  two.browser.pass(6_000);
  assert.deepEqual([two.browser.socket.all("edit"), seen(two.room, 2).text], [[], "m2"]);
  one.browser.leave({ crash: true });
  assert.deepEqual([two.browser.socket.last("edit").payload.text, seen(two.room, 2).text], ["two", "two"]);
});

test("what was asked for since counts more than what another tab left", () => {
  const profile = new FakeProfile();
  const one = inTab(profile, 1);
  const two = inTab(profile, 2);
  two.browser.pass(6_000);
  one.room.edit(one.room.message(2), "older");
  two.browser.pass(10_000);
  two.room.edit(two.room.message(2), "newer");
  one.browser.leave();
  assert.deepEqual([two.browser.socket.all("edit").map(({ payload }) => payload.text), seen(two.room, 2).text], [["newer"], "newer"]);
});

test("a change of a message that is not loaded is asked for too, and its refusal told", () => {
  const profile = new FakeProfile();
  const one = inTab(profile, 1);
  one.room.edit(one.room.message(2), "two");
  one.browser.leave();
  const { browser, room, view } = inTab(profile, 2, [kept(9, 9)]);
  assert.deepEqual([browser.socket.last("edit").payload.message, numbersOf(room)], [2, [9]]);
  browser.socket.say(failure(browser.socket.last("edit").id, "conflict"));
  assert.deepEqual([view.all("complaint"), waiting(profile)], [["Not changed: Says conflict"], []]);
});

test("an account's change waits for that account, and one of another log is forgotten", () => {
  const profile = new FakeProfile();
  const user = (id) => ({ id, name: id, kind: "user" });
  const enterAs = (id, seed, epoch) => {
    const all = started(undefined, new FakeBrowser(profile, seed));
    all.browser.socket.say(welcome({ user: user(id) }));
    all.browser.socket.say(durableAck(all.browser.socket.last("join").id, [kept(2, 2, { author: user("ada") })], 2, { you: user(id), ...epoch }));
    return { ...all, edits: all.browser.socket.all("edit"), shown: seen(all.client.room, 2).text };
  };
  const one = enterAs("ada", 1);
  one.client.room.edit(one.client.room.message(2), "two");
  one.browser.leave();
  const two = enterAs("bob", 2);
  assert.deepEqual([two.edits, two.shown, waiting(profile).length], [[], "m2", 1]);
  two.browser.leave();
  const three = enterAs("ada", 3);
  assert.deepEqual([three.edits.length, three.shown], [1, "two"]);
  three.browser.leave();
  const four = enterAs("ada", 4, { epoch: "epoch-2" });
  assert.deepEqual([four.edits, four.shown, waiting(profile)], [[], "m2", []]);
});

test("a log that was missed for too long, but is the same one, forgets no change", () => {
  const { browser, room } = entered();
  redial(browser);
  room.edit(room.message(2), "two");
  enterDurable(browser.socket, [kept(2, 2, own), kept(900, 5000)], 5000);
  assert.deepEqual([browser.socket.last("edit").payload.text, seen(room, 2).text], ["two", "two"]);
});

test("where storage is full, changes are asked for all the same", () => {
  const { browser, room, view } = entered();
  browser.profile.quota = 10;
  room.edit(room.message(2), "two");
  assert.equal(browser.socket.last("edit").payload.text, "two");
  assert.equal(view.all("complaint").length, 1);
});

function numbersOf(room) {
  return room.items.map(({ number }) => number);
}
