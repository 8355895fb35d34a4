import assert from "node:assert/strict";
import { test } from "node:test";

import { Quotes } from "../../chat/static/chat/ui/quotes.js";
import { failure, kept } from "./fakes.js";
import { enteredDurable } from "./started.js";

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, place) => kept(from + place));

function quoting(messages = range(5001, 5010)) {
  const { browser, room, view } = enteredDurable(messages, messages.at(-1).payload.offset);
  const told = [];
  const quotes = new Quotes({ room, reveal: (item) => told.push(item.number), say: (sentence) => told.push(sentence) });
  view.sought = (state) => quotes.sought(state);
  const asked = () => browser.socket.all("history").map(({ payload }) => payload);
  const answer = (page, more = true) => {
    const { id } = browser.socket.last("history");
    browser.socket.say({ type: "ack", id, payload: { messages: page.map(({ payload }) => payload), more } });
  };
  return { browser, room, quotes, told, asked, answer };
}

test("a quote leads to its message however far back, by one request", () => {
  const { room, quotes, told, asked, answer } = quoting();
  quotes.goTo(20);
  assert.deepEqual([asked(), told], [[{ room: "lobby", after: 19, limit: 50 }], []]);
  answer(range(20, 69));
  assert.deepEqual([told, asked().length, room.items.length, room.isComplete], [[20], 1, 50, false]);
});

test("a message that is loaded is shown without a request, and what was sought before is not shown later", () => {
  const { room, quotes, told, asked, answer } = quoting();
  quotes.goTo(20);
  quotes.goTo(5003);
  answer(range(20, 69));
  assert.deepEqual([told, asked().length, room.items.length], [[5003], 1, 10]);
});

test("the last of two quotes that are not loaded counts", () => {
  const { browser, quotes, told, answer } = quoting();
  quotes.goTo(20);
  const { id } = browser.socket.last("history");
  quotes.goTo(900);
  browser.socket.say({ type: "ack", id, payload: { messages: range(20, 69).map(({ payload }) => payload), more: true } });
  assert.deepEqual(told, []);
  answer(range(900, 949));
  assert.deepEqual(told, [900]);
});

test("a message that is kept no more is said to be gone, and what is held stays", () => {
  const { room, quotes, told, answer } = quoting();
  quotes.goTo(20);
  answer(range(4000, 4049));
  assert.deepEqual([told, room.items.length, room.isComplete], [["That message is not kept here any more."], 10, true]);
});

test("a refusal, a lost connection and none at all are told", () => {
  const { browser, quotes, told } = quoting();
  quotes.goTo(20);
  browser.socket.say(failure(browser.socket.last("history").id, "unavailable"));
  quotes.goTo(20);
  browser.socket.end();
  quotes.goTo(20);
  assert.deepEqual(told, ["Says unavailable", "That message cannot be loaded now.", "That message cannot be loaded now."]);
});
