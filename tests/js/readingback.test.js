import assert from "node:assert/strict";
import { test } from "node:test";

import { durableAck, failure, kept, OTHER, welcome, YOU } from "./fakes.js";
import { enteredDurable, redial, sends } from "./started.js";

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, place) => kept(from + place));
const numbers = (room) => room.items.map(({ number }) => number);
const asked = (socket) => socket.all("history").map(({ payload }) => payload);
const answer = (socket, messages, more = true) => {
  const { id } = socket.last("history");
  socket.say({ type: "ack", id, payload: { messages: messages.map(({ payload }) => payload), more } });
};

/** A reader who has gone back to 1–20 of 40 messages, at most 20 of which are held. */
function readingBack() {
  const all = enteredDurable(range(21, 40), 40);
  all.room.older();
  answer(all.browser.socket, range(1, 20), false);
  all.room.keepAround(20, { start: 0, end: 10 });
  return all;
}

test("what is over the cap goes at the end that is farther from the reader", () => {
  const { room, view } = readingBack();
  assert.deepEqual([numbers(room), room.isComplete, view.last("past").begins], [range(1, 20).map(({ payload }) => payload.message), false, "room"]);
  const other = enteredDurable(range(1, 40));
  other.room.keepAround(20, { start: 30, end: 40 });
  assert.deepEqual([numbers(other.room)[0], other.room.items.length, other.room.isComplete], [21, 20, true]);
});

test("nothing goes of what the reader sees, nor of what is not sent yet", () => {
  const { room } = enteredDurable(range(1, 40));
  room.write("mine");
  room.keepAround(5, { start: 0, end: 30 });
  assert.deepEqual([numbers(room).length, room.items.at(-1).text, room.items.at(-2).number, room.sentEnd], [31, "mine", 30, 30]);
});

test("what came after is loaded again a page at a time, until the newest is there", () => {
  const { browser, room } = readingBack();
  assert.deepEqual([room.newer(), room.newer()], [true, false]);
  assert.deepEqual(asked(browser.socket).at(-1), { room: "lobby", after: 20, limit: 50 });
  answer(browser.socket, range(21, 30));
  assert.deepEqual([numbers(room).at(-1), room.isComplete, room.message(25).past], [30, false, true]);
  room.newer();
  answer(browser.socket, range(31, 40), false);
  assert.deepEqual([numbers(room).at(-1), room.isComplete, room.newer()], [40, true, false]);
  browser.socket.say(kept(41));
  assert.deepEqual([numbers(room).at(-1), room.position.offset], [41, 41]);
});

test("a new message is only counted where those before it are not held, a change of such a one is not, and broadcasts are not shown", () => {
  const { browser, room, view } = readingBack();
  browser.socket.say(kept(41), kept(42, 42, { author: YOU }), kept(30, 43, { text: "thirty" }), kept(3, 44, { text: "three" }));
  browser.socket.say({ type: "broadcast", payload: { room: "lobby", name: "time", text: "tick" } });
  assert.deepEqual(view.all("missed").map(({ number, own }) => [number, own]), [[41, false], [42, true]]);
  assert.deepEqual([room.items.length, room.message(3).text, room.position.offset], [20, "three", 44]);
});

test("a new message that comes while the page before it is on its way leaves no hole", () => {
  const { browser, room } = readingBack();
  room.newer();
  browser.socket.say(kept(41), kept(25, 42, { text: "newer" }));
  answer(browser.socket, range(21, 40), false);
  assert.deepEqual([numbers(room).at(-1), room.isComplete, room.message(25).text], [40, false, "newer"]);
  room.newer();
  answer(browser.socket, [kept(41)], false);
  assert.deepEqual([numbers(room).at(-1), room.isComplete], [41, true]);
});

test("a page that was on its way when its place was let go, or left, moves nobody", () => {
  const { browser, room } = readingBack();
  room.newer();
  room.keepAround(10, { start: 0, end: 5 });
  answer(browser.socket, range(21, 30));
  assert.deepEqual(numbers(room), range(1, 10).map(({ payload }) => payload.message));
  room.newer();
  const { id } = browser.socket.last("history");
  room.seek(30);
  answer(browser.socket, range(30, 35));
  browser.socket.say({ type: "ack", id, payload: { messages: range(11, 20).map(({ payload }) => payload), more: true } });
  assert.deepEqual(numbers(room), range(30, 35).map(({ payload }) => payload.message));
});

test("a page that leads nowhere is not asked for again", () => {
  const { browser, room, view } = readingBack();
  room.newer();
  answer(browser.socket, range(15, 20));
  assert.deepEqual([room.isComplete, room.newer()], [true, false]);
  const other = enteredDurable(range(21, 40), 40);
  for (const page of [range(21, 30), []]) {
    other.room.older();
    answer(other.browser.socket, page);
  }
  assert.deepEqual([other.view.last("past").begins, asked(other.browser.socket).length, view.last("later").loading], ["kept", 1, false]);
});

test("the newest are held again by a join from nothing, once, and one's own words are not lost", () => {
  const { browser, room, view } = readingBack();
  room.toNewest();
  room.write("mine");
  room.toNewest();
  assert.deepEqual([sends(browser.socket), room.items.at(-1).state], [[], "waiting"], "it has no place before");
  assert.deepEqual([room.older(), room.newer(), room.seek(30)], [false, false, false], "it would be gone with what is held");
  assert.deepEqual(browser.socket.all("join").slice(1).map(({ payload }) => payload), [{ room: "lobby" }]);
  browser.socket.say(durableAck(browser.socket.last("join").id, range(31, 40), 40));
  assert.deepEqual([room.items.map(({ text }) => text).at(-1), room.items.length, room.isComplete], ["mine", 11, true]);
  assert.deepEqual([view.all("cleared"), sends(browser.socket)], [[false], ["mine"]]);
  room.toNewest();
  assert.equal(browser.socket.all("join").length, 2);
});

test("asked for without a connection, the newest come with the next one", () => {
  const { browser, room } = readingBack();
  browser.socket.end();
  room.toNewest();
  browser.pass(20_500);
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.last("join").payload, { room: "lobby" });
  browser.socket.say(failure(browser.socket.last("join").id, "unavailable"));
  browser.pass(5_000);
  assert.deepEqual(browser.socket.last("join").payload, { room: "lobby" });
  browser.socket.say(durableAck(browser.socket.last("join").id, range(31, 40), 40));
  redial(browser);
  browser.socket.say(welcome());
  assert.equal(browser.socket.last("join").payload.since.offset, 40);
});

test("a newest page that live envelopes have overtaken is joined again from", () => {
  const { browser, room } = readingBack();
  room.toNewest();
  browser.socket.say(kept(41));
  browser.socket.say(durableAck(browser.socket.last("join").id, range(31, 40), 40));
  assert.equal(browser.socket.last("join").payload.since.offset, 40);
  browser.socket.say(durableAck(browser.socket.last("join").id, [kept(41)], 41, { recovered: true }));
  assert.deepEqual([numbers(room).at(-1), room.position.offset, browser.socket.all("join").length], [41, 41, 3]);
});

test("who comes back while reading back stays there, and hears how much is new", () => {
  const { browser, room, view } = readingBack();
  redial(browser);
  browser.socket.say(welcome());
  browser.socket.say(durableAck(browser.socket.last("join").id, [kept(30, 41), kept(41, 42), kept(5, 43, { text: "five" })], 43, { recovered: true }));
  assert.deepEqual([numbers(room).at(-1), room.message(5).text, view.all("missed").map(({ number }) => number)], [20, "five", [41]]);
});

test("a message that is sought near what is held adjoins it", () => {
  const { browser, room } = enteredDurable(range(101, 110), 110);
  room.seek(60);
  answer(browser.socket, range(60, 109));
  assert.deepEqual([numbers(room).length, room.message(105).past, room.isComplete], [51, false, true]);
  room.older();
  assert.equal(asked(browser.socket).at(-1).before, 60);
});

test("what is held far from a message that is sought goes, and is not shown as if it followed", () => {
  const { browser, room } = enteredDurable(range(101, 110), 110);
  room.older();
  const { id } = browser.socket.last("history");
  room.seek(20);
  browser.socket.say(kept(30, 111, { text: "thirty" }));
  answer(browser.socket, range(20, 69));
  assert.deepEqual([numbers(room), room.message(30).text, room.isComplete], [range(20, 69).map(({ payload }) => payload.message), "thirty", false]);
  browser.socket.say({ type: "ack", id, payload: { messages: range(51, 100).map(({ payload }) => payload), more: true } });
  assert.equal(numbers(room).length, 50, "a page that was on its way before is not of these");
  room.newer();
  assert.equal(asked(browser.socket).at(-1).after, 69);
});

/** A room's log and its answers; every change takes an offset. */
class FakeLog {
  states = [];
  offset = 0;

  change(number) {
    this.offset += 1;
    const { payload } = kept(number, this.offset, { author: OTHER, text: `s${this.offset}`, prev: this.offset - 1 });
    this.states[number - 1] = payload;
    return { type: "message", payload };
  }

  join(id, since) {
    const messages = since ? this.states.filter(({ offset }) => offset > since.offset).sort((a, b) => a.offset - b.offset) : this.states.slice(-10);
    return durableAck(id, messages.map((payload) => ({ payload })), this.offset, { recovered: Boolean(since) });
  }

  history(id, { before, after }) {
    const fits = this.states.filter(({ message }) => (before === undefined ? message > after : message < before));
    const messages = before === undefined ? fits.slice(0, 5) : fits.slice(-5);
    return { type: "ack", id, payload: { messages, more: fits.length > messages.length } };
  }

  answer({ type, id, payload }) {
    return type === "join" ? this.join(id, payload.since) : this.history(id, payload);
  }
}

test("wherever one reads, and whatever changes meanwhile: what is held has no hole and is up to date", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    let state = seed;
    const random = (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const log = new FakeLog();
    for (let number = 1; number <= 60; number += 1) log.change(number);
    const { browser, room } = enteredDurable(log.states.slice(-10).map((payload) => ({ payload })), log.offset);
    let seen = browser.socket.sent.length;
    let late = [];
    // The server's answers come in its order, and some of them late: then what happened since is told first.
    const serve = () => {
      for (const envelope of late.splice(0)) browser.socket.say(envelope);
      for (; seen < browser.socket.sent.length; seen += 1) {
        const envelope = browser.socket.sent[seen];
        if (envelope.type === "history" || envelope.type === "join") late.push(log.answer(envelope));
      }
      if (random(2) === 0 || browser.socket.last("join").id === late.at(-1)?.id) for (const envelope of late.splice(0)) browser.socket.say(envelope);
    };
    const check = () => {
      const found = numbers(room);
      assert.deepEqual(found, found.map((_, place) => found[0] + place), `seed ${seed}: a hole`);
      for (const { number, text } of room.items) {
        const { offset, text: last } = log.states[number - 1];
        if (offset <= room.position.offset) assert.equal(text, last, `seed ${seed}: message ${number}`);
      }
      if (room.isComplete && room.position.offset === log.offset) assert.equal(found.at(-1), log.states.length, `seed ${seed}: the end`);
    };
    for (let step = 0; step < 60; step += 1) {
      const verbs = [
        () => room.older(),
        () => room.newer(),
        () => room.seek(1 + random(log.states.length)),
        () => room.toNewest(),
        () => room.keepAround(15, { start: random(5), end: 5 + random(10) }),
        () => browser.socket.say(log.change(log.states.length + 1)),
        () => browser.socket.say(log.change(1 + random(log.states.length))),
        () => log.change(1 + random(log.states.length + 1)), // Its envelope is lost: the next one shows a gap.
      ];
      verbs[random(random(4) === 0 ? 8 : 7)]();
      serve();
      check();
      if (random(20) > 0) continue;
      redial(browser);
      late = [];
      browser.socket.say(welcome());
      seen = 0;
      serve();
      check();
    }
  }
});
