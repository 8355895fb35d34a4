import assert from "node:assert/strict";
import { test } from "node:test";

import { expected } from "../../chat/static/chat/client/changes.js";
import { durableAck, failure, kept, OTHER, welcome, YOU } from "./fakes.js";
import { enteredDurable, redial } from "./started.js";

const own = { author: YOU };
const thumb = (...ids) => ({ "👍": { count: ids.length, ids } });
const entered = () => enteredDurable([kept(1), kept(2, 2, own)]);
const seen = (room, number) => expected(room.message(number), YOU);
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
