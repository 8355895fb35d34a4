import assert from "node:assert/strict";
import { test } from "node:test";

import { durableAck, failure, kept, welcome } from "./fakes.js";
import { enteredDurable, entered, redial } from "./started.js";

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, place) => kept(from + place));
const answer = (socket, messages, more) => {
  const { id } = socket.last("history");
  socket.say({ type: "ack", id, payload: { messages: messages.map(({ payload }) => payload), more } });
};
const numbers = (room) => room.items.map(({ number }) => number);

test("older messages are asked for before the oldest one, fifty at a time, once at a time", () => {
  const { browser, room, view } = enteredDurable(range(101, 110), 110);
  assert.equal(view.last("past").begins, "");
  assert.deepEqual([room.older(), room.older()], [true, false]);
  assert.deepEqual(browser.socket.all("history").map(({ payload }) => payload), [{ room: "lobby", before: 101, limit: 50 }]);
  assert.equal(view.last("past").loading, true);
  answer(browser.socket, range(51, 100), true);
  assert.deepEqual([numbers(room)[0], numbers(room).length, view.last("past").loading], [51, 60, false]);
  assert.deepEqual([room.message(60).past, room.message(105).past], [true, false]);
  room.older();
  assert.equal(browser.socket.last("history").payload.before, 51);
});

test("the room begins at number 1; a room that keeps no older messages says so", () => {
  for (const [messages, more, begins] of [[range(1, 10), false, "room"], [range(5, 10), false, "kept"], [[], false, "kept"]]) {
    const { browser, room, view } = enteredDurable(range(11, 12), 12);
    room.older();
    answer(browser.socket, messages, more);
    assert.equal(view.last("past").begins, begins);
    assert.equal(room.older(), false);
  }
});

test("a first page that begins with number 1, or an empty log, has nothing before it", () => {
  for (const messages of [range(1, 3), []]) {
    const { browser, room, view } = enteredDurable(messages);
    assert.deepEqual([view.last("past").begins, room.older(), browser.socket.all("history")], ["room", false, []]);
  }
});

test("a refusal is told, and the next look back asks again", () => {
  const { browser, room, view } = enteredDurable(range(11, 12), 12);
  room.older();
  browser.socket.say(failure(browser.socket.last("history").id, "unavailable"));
  assert.deepEqual(view.last("past"), { loading: false, begins: "", error: "Says unavailable" });
  assert.equal(room.older(), true);
});

test("a lost connection takes the answer with it; afterwards it is asked for again", () => {
  const { browser, room, view } = enteredDurable(range(11, 12), 12);
  room.older();
  redial(browser);
  assert.deepEqual([view.last("past").loading, room.older()], [false, false]);
  browser.socket.say(welcome());
  browser.socket.say(durableAck(browser.socket.last("join").id, [], 12, { recovered: true }));
  assert.equal(room.older(), true);
});

test("an answer of a log that was left behind is dropped", () => {
  const { browser, room } = enteredDurable(range(11, 12), 12);
  room.older();
  browser.socket.say({ type: "resync", payload: { room: "lobby" } });
  browser.socket.say(durableAck(browser.socket.last("join").id, range(5, 6), 6, { epoch: "epoch-2" }));
  answer(browser.socket, range(1, 10), false);
  assert.deepEqual(numbers(room), [5, 6]);
});

test("a change that came before the page with its message is not undone by it", () => {
  const { browser, room } = enteredDurable(range(11, 12), 12);
  room.older();
  browser.socket.say(kept(10, 13, { text: "ten" }));
  assert.deepEqual(numbers(room), [11, 12], "it is not loaded yet");
  answer(browser.socket, range(1, 10), false);
  assert.deepEqual([numbers(room).length, room.message(10).text, room.position.offset], [12, "ten", 13]);
});

test("what is let go comes again by history", () => {
  const { browser, room } = enteredDurable(range(1, 20));
  room.keepNewest(5);
  assert.deepEqual(numbers(room), [16, 17, 18, 19, 20]);
  browser.socket.say(kept(3, 21, { text: "three" }));
  assert.deepEqual(numbers(room), [16, 17, 18, 19, 20]);
  assert.equal(room.older(), true);
  assert.equal(browser.socket.last("history").payload.before, 16);
  answer(browser.socket, [kept(3, 21, { text: "three" }), ...range(4, 15)], true);
  assert.equal(room.message(3).text, "three");
});

test("what is not sent is never let go, and a volatile room asks for nothing", () => {
  const { browser, client } = entered();
  for (const text of ["a", "b", "c"]) client.room.write(text);
  client.room.keepNewest(1);
  assert.deepEqual([client.room.items.length, client.room.older(), browser.socket.all("history")], [3, false, []]);
});
