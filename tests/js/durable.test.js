import assert from "node:assert/strict";
import { test } from "node:test";

import { durableAck, enterDurable, EPOCH, failure, joinAck, kept, OTHER, welcome, YOU } from "./fakes.js";
import { ack, enteredDurable, redial, sends, started } from "./started.js";
import { vectors } from "./vectors.js";

const three = [kept(1), kept(2), kept(3)];
const texts = (room) => room.items.map(({ text, deleted }) => (deleted ? "(deleted)" : text));
const joins = (socket) => socket.all("join").map(({ payload }) => payload);
const since = (offset, epoch = EPOCH) => ({ room: "lobby", since: { epoch, offset } });

test("the first join has no since, the next ones tell the position", () => {
  const { browser, room } = enteredDurable(three);
  browser.socket.say(kept(4));
  redial(browser);
  browser.socket.say(welcome());
  assert.deepEqual([joins(browser.sockets[0]), joins(browser.socket)], [[{ room: "lobby" }], [since(4)]]);
  assert.deepEqual(room.position, { epoch: EPOCH, offset: 4 });
});

test("an envelope is applied where it follows the position, also over offsets that were no message", () => {
  const { browser, room } = enteredDurable(three);
  browser.socket.say(kept(4, 7, { prev: 3 }), kept(5, 9, { prev: 6 }));
  assert.deepEqual([texts(room), room.position.offset], [["m1", "m2", "m3", "m4", "m5"], 9]);
});

test("an old envelope is dropped and moves nothing", () => {
  const { browser, room, view } = enteredDurable(three);
  browser.socket.say(kept(3, 3, { text: "again" }), kept(2, 2, { prev: 1, text: "older" }));
  assert.deepEqual([texts(room), room.position.offset, view.all("changed")], [["m1", "m2", "m3"], 3, []]);
});

test("a gap joins again from the position, once, and nothing behind it is shown before the answer", () => {
  const { browser, room } = enteredDurable(three);
  browser.socket.say(kept(5), kept(6));
  assert.deepEqual(joins(browser.socket).slice(1), [since(3)]);
  assert.deepEqual(texts(room), ["m1", "m2", "m3"]);
  const { id } = browser.socket.last("join");
  browser.socket.say(durableAck(id, [kept(4), kept(5), kept(6)], 6, { recovered: true }), kept(7));
  assert.deepEqual([texts(room), room.position.offset], [["m1", "m2", "m3", "m4", "m5", "m6", "m7"], 7]);
  assert.equal(joins(browser.socket).length, 2);
});

test("a resync joins again from the position; one during a join is followed by another join", () => {
  const { browser } = enteredDurable(three);
  const resync = { type: "resync", payload: { room: "lobby" } };
  browser.socket.say(resync, resync);
  assert.deepEqual(joins(browser.socket).slice(1), [since(3)]);
  browser.socket.say(durableAck(browser.socket.last("join").id, [], 3, { recovered: true }));
  assert.equal(joins(browser.socket).length, 3);
  browser.socket.say(durableAck(browser.socket.last("join").id, [], 3, { recovered: true }));
  assert.equal(joins(browser.socket).length, 3);
});

test("an answer that live envelopes have overtaken undoes nothing", () => {
  const { browser, room } = enteredDurable(three);
  browser.socket.say({ type: "resync", payload: { room: "lobby" } });
  browser.socket.say(kept(2, 4, { text: "a" }), kept(2, 5, { text: "b" }));
  browser.socket.say(durableAck(browser.socket.last("join").id, [kept(2, 4, { text: "a" })], 4, { recovered: true }));
  assert.deepEqual([texts(room), room.position.offset], [["m1", "b", "m3"], 5]);
});

test("more joins again from the answer's offset, and only then is the room entered", () => {
  const { browser, view, room } = enteredDurable(three);
  redial(browser);
  room.write("mine");
  browser.socket.say(welcome());
  browser.socket.say(durableAck(browser.socket.last("join").id, [kept(4)], 4, { recovered: true, more: true }));
  assert.deepEqual([joins(browser.socket).at(-1), sends(browser.socket), view.all("joined").length], [since(4), [], 1]);
  browser.socket.say(durableAck(browser.socket.last("join").id, [kept(5)], 5, { recovered: true }));
  assert.deepEqual([texts(room), sends(browser.socket), view.all("joined").length], [["m1", "m2", "m3", "m4", "m5", "mine"], ["mine"], 2]);
});

test("more without any progress does not join for ever", () => {
  const { browser } = enteredDurable(three);
  redial(browser);
  browser.socket.say(welcome());
  browser.socket.say(durableAck(browser.socket.last("join").id, [], 3, { recovered: true, more: true }));
  assert.equal(joins(browser.socket).length, 1);
});

test("another epoch starts over: only the page that came and what is not sent yet stay", () => {
  const { browser, view, room } = enteredDurable(three);
  redial(browser);
  room.write("mine");
  enterDurable(browser.socket, [kept(1, 1, { text: "new" })], 8, { epoch: "epoch-2" });
  assert.equal(view.all("cleared").length, 1);
  assert.deepEqual([texts(room), sends(browser.socket)], [["new", "mine"], ["mine"]]);
  assert.deepEqual(room.position, { epoch: "epoch-2", offset: 8 });
});

test("recovered: false in the same epoch starts over too", () => {
  const { browser, view, room } = enteredDurable(three);
  redial(browser);
  enterDurable(browser.socket, [kept(900, 5000), kept(901, 5001)], 5001);
  assert.deepEqual([texts(room), view.all("cleared").length, room.position.offset], [["m900", "m901"], 1, 5001]);
  assert.equal(room.message(1), undefined);
});

test("a known number is a change: text, deletion, reactions, and whether it was edited", () => {
  const { browser, view, room } = enteredDurable(three);
  const reactions = { "👍": { count: 2, ids: ["a", "b"] } };
  browser.socket.say(
    kept(2, 4, { text: "two", edited_at: "2030-01-01T00:01:00.000Z" }),
    kept(1, 5, { text: undefined, deleted: true }),
    kept(3, 6, { reactions, reply_to: 1 }),
  );
  assert.deepEqual(texts(room), ["(deleted)", "two", "m3"]);
  assert.deepEqual([room.message(2).edited, room.message(3).replyTo], [true, 1]);
  assert.deepEqual(room.message(3).reactions, [{ emoji: "👍", count: 2, ids: ["a", "b"] }]);
  assert.equal(view.items.length, 3);
});

test("a lower number that comes later is put to its place", () => {
  const { browser, room } = enteredDurable([], 0);
  browser.socket.say(kept(2, 2, { prev: 0 }), kept(1, 3), kept(3, 4));
  assert.deepEqual(texts(room), ["m1", "m2", "m3"]);
});

test("a message acknowledged before others' envelopes stands where the log has it", () => {
  const { browser, view, room } = enteredDurable(three);
  room.write("mine");
  const { id, payload } = browser.socket.last("send");
  browser.socket.say({ type: "ack", id, payload: { message: 5, offset: 5, at: "2030-01-01T00:00:05.000Z" } });
  browser.socket.say(kept(4), kept(5, 5, { key: payload.key, text: "mine", author: YOU }));
  assert.deepEqual(texts(room), ["m1", "m2", "m3", "m4", "mine"]);
  assert.deepEqual([view.items.length, room.message(5).state, room.message(5).own], [5, "sent", true]);
});

test("an ack moves no position", () => {
  const { browser, room } = enteredDurable(three);
  room.write("mine");
  browser.socket.say({ type: "ack", id: browser.socket.last("send").id, payload: { message: 9, offset: 9 } });
  assert.equal(room.position.offset, 3);
});

test("one's own message stored long ago, as its ack tells, is not shown at the end", () => {
  const { browser, view, room } = enteredDurable([kept(500, 500)], 500);
  room.write("mine");
  browser.socket.say({ type: "ack", id: browser.socket.last("send").id, payload: { message: 7, offset: 7 } });
  assert.deepEqual([texts(room), view.all("removed").length], [["m500"], 1]);
});

test("an own message whose ack was lost comes with the join and is not sent again", () => {
  const { browser, view, room } = enteredDurable(three);
  room.write("mine");
  const { key } = browser.socket.last("send").payload;
  redial(browser);
  browser.socket.say(welcome());
  const stored = kept(4, 4, { key, text: "mine", author: OTHER });
  browser.socket.say(durableAck(browser.socket.last("join").id, [stored], 4, { recovered: true }));
  assert.deepEqual([texts(room), sends(browser.socket), view.items.length], [["m1", "m2", "m3", "mine"], [], 4]);
  assert.equal(room.message(4).own, true);
});

test("a reply tells the number that it answers", () => {
  const { browser, room } = enteredDurable(three);
  room.write("yes", 2);
  assert.equal(browser.socket.last("send").payload.reply_to, 2);
});

test("broadcasts stand where they came, what waits stands at the end", () => {
  const { browser, room } = enteredDurable(three);
  browser.socket.say({ type: "broadcast", payload: { room: "lobby", text: "tick" } });
  room.write("waits");
  browser.socket.say(kept(4));
  assert.deepEqual(texts(room), ["m1", "m2", "m3", "tick", "m4", "waits"]);
});

test("of broadcasts in a row the last five stay", () => {
  const { browser, room } = enteredDurable(three);
  for (let count = 1; count <= 8; count += 1) browser.socket.say({ type: "broadcast", payload: { room: "lobby", text: `t${count}` } });
  assert.deepEqual(texts(room), ["m1", "m2", "m3", "t4", "t5", "t6", "t7", "t8"]);
});

test("a room that becomes volatile has no position any more and goes on", () => {
  const { browser, room } = enteredDurable(three);
  redial(browser);
  browser.socket.say(welcome());
  browser.socket.say(joinAck(browser.socket.last("join").id));
  room.write("here");
  browser.socket.say(ack(browser.socket));
  assert.deepEqual([room.position, texts(room), room.items[0].state], [undefined, ["here"], "sent"]);
  assert.deepEqual(room.may(room.items[0]), { reply: false, react: false, edit: false, delete: false });
});

test("what one may do: all with one's own, reply and react with others', nothing with what is gone or not sent", () => {
  const own = { author: YOU };
  const { room } = enteredDurable([kept(1), kept(2, 2, own), kept(3, 3, { ...own, deleted: true }), kept(4, 4, { ...own, text: undefined, data: "AAE=" })]);
  room.write("waits");
  const may = (item) => Object.entries(room.may(item)).filter(([, yes]) => yes).map(([verb]) => verb).join(" ");
  assert.deepEqual(room.items.map(may), ["reply react", "reply react edit delete", "", "reply react delete", ""]);
});

test("a refused rejoin that passes keeps the position", () => {
  const { browser } = enteredDurable(three);
  redial(browser);
  browser.socket.say(welcome());
  browser.socket.say(failure(browser.socket.last("join").id, "unavailable", { retry_after_s: 1 }));
  browser.pass(1500);
  assert.deepEqual(joins(browser.socket), [since(3), since(3)]);
});

/** A log and its connection: envelopes may be lost on the way, as a cut does; what is read is the present state. */
class FakeLog {
  states = new Map();
  offset = 0;
  sent = 0;

  change(number, text) {
    this.offset += 1;
    this.states.set(number, kept(number, this.offset, { text, key: `key-${number}-of-it` }));
    return this.states.get(number);
  }

  after(offset) {
    return [...this.states.values()].filter(({ payload }) => payload.offset > offset).sort((a, b) => a.payload.offset - b.payload.offset);
  }

  /** Answer the last join, two messages at a time. */
  answer(socket) {
    const { id, payload } = socket.last("join");
    const changed = this.after(payload.since?.offset ?? 0);
    const page = changed.slice(0, 2);
    const more = changed.length > page.length;
    const offset = more ? page.at(-1).payload.offset : this.offset;
    this.sent = offset;
    socket.say(durableAck(id, page, offset, { recovered: payload.since !== undefined, more }));
  }
}

test("whatever is lost, cut and joined again: in the end the client holds the log", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    let state = seed;
    const random = (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const log = new FakeLog();
    const { browser, client } = started();
    let answered = 0;
    const settle = () => {
      const socket = browser.socket;
      while (socket.all("join").length > answered) {
        answered += 1;
        log.answer(socket);
      }
    };
    browser.socket.say(welcome());
    browser.socket.say(durableAck(browser.socket.last("join").id, [], 0));
    answered = 1;
    for (let step = 0; step < 40; step += 1) {
      const envelope = log.change(random(4) === 0 ? log.states.size + 1 : 1 + random(Math.max(1, log.states.size)), `s${step}`);
      const prev = log.sent;
      if (random(5) > 0) browser.socket.say({ type: "message", payload: { ...envelope.payload, prev: Math.max(prev, log.offset - 1) } });
      if (random(3) === 0) settle();
      if (random(9) === 0) {
        browser.socket.end();
        const before = browser.sockets.length;
        while (browser.sockets.length === before) browser.pass(500);
        answered = 0;
        browser.socket.say(welcome());
      }
    }
    browser.socket.say({ type: "resync", payload: { room: "lobby" } });
    settle();
    settle();
    const wanted = [...log.states.values()].map(({ payload }) => payload).sort((a, b) => a.message - b.message);
    assert.deepEqual(client.room.items.map(({ number, text, offset }) => [number, text, offset]), wanted.map(({ message, text, offset }) => [message, text, offset]), `seed ${seed}`);
    assert.equal(client.room.position.offset, log.offset, `seed ${seed}`);
  }
});

for (const { name, envelopes, heard, offset, reactions } of vectors("positions")) {
  test(`positions: ${name}`, () => {
    const { browser, room } = enteredDurable(three);
    const before = browser.socket.all("join").length;
    browser.socket.say(...envelopes);
    assert.equal(room.position.offset, offset);
    assert.equal(browser.socket.all("join").length - before, heard.filter((it) => it === "gap").length);
    const shown = room.message(1).reactions.map(({ emoji, count, ids }) => [emoji, { count, ids }]);
    assert.deepEqual([Object.fromEntries(shown), room.message(1).text], [reactions, "m1"]);
  });
}

test("a change of a message that is not loaded is in the page that brings it, unless that is newer", () => {
  for (const [told, expected] of [[21, "🎉"], [30, "👍"]]) {
    const { browser, room } = enteredDurable([kept(11, 20)], 20);
    room.older();
    const { id } = browser.socket.last("history");
    const party = { "🎉": { count: 1, ids: ["a"] } };
    browser.socket.say({ type: "changed", payload: { room: "lobby", message: 10, offset: 25, prev: 20, reactions: party } });
    const thumbs = { "👍": { count: 1, ids: ["a"] } };
    const page = [kept(10, told, { reactions: thumbs })].map(({ payload }) => payload);
    browser.socket.say({ type: "ack", id, payload: { messages: page, more: false } });
    assert.deepEqual(room.message(10).reactions.map(({ emoji }) => emoji), [expected]);
    assert.equal(room.message(10).text, "m10");
    assert.equal(room.position.offset, 25);
  }
});

test("a message that was edited and reacted to while its page was on its way has both", () => {
  const { browser, room } = enteredDurable([kept(11, 20)], 20);
  room.older();
  const { id } = browser.socket.last("history");
  const party = { "🎉": { count: 1, ids: ["a"] } };
  browser.socket.say(kept(10, 21, { text: undefined, deleted: true }), { type: "changed", payload: { room: "lobby", message: 10, offset: 22, prev: 21, reactions: party } });
  browser.socket.say({ type: "ack", id, payload: { messages: [kept(10, 10).payload], more: false } });
  const { text, deleted, reactions, offset } = room.message(10);
  assert.deepEqual([text, deleted, reactions.length, offset], ["", true, 1, 22]);
});

test("a change of one's own is done when any envelope of its message has come so far", () => {
  const { browser, room, view } = enteredDurable(three);
  room.react(room.message(1), "👍", true);
  const { id } = browser.socket.last("react");
  const reactions = { "👍": { count: 1, ids: [YOU.id] } };
  browser.socket.say({ type: "ack", id, payload: { offset: 4 } }, { type: "changed", payload: { room: "lobby", message: 1, offset: 6, prev: 3, reactions } });
  assert.deepEqual([room.message(1).changes, room.message(1).offset, view.last("changed")], [[], 6, room.message(1)]);
});
