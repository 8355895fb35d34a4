import { Client } from "../../chat/static/chat/client/client.js";
import { enter, enterDurable, FakeBrowser, FakeView, message, YOU } from "./fakes.js";

/** Return a client that dials, with its browser and view. */
export function started(prepare = () => {}, browser = new FakeBrowser()) {
  prepare(browser);
  const view = new FakeView();
  const client = new Client({ room: "lobby", path: "/ws", adapters: browser, view });
  client.start();
  return { browser, view, client };
}

/** Return one that is in its room. */
export function entered(changes) {
  const all = started();
  enter(all.browser.socket, changes);
  return all;
}

/** Return one that is in its durable room, with these messages, at this offset. */
export function enteredDurable(messages, offset, browser) {
  const all = started(undefined, browser);
  enterDurable(all.browser.socket, messages, offset);
  return { ...all, room: all.client.room };
}

/** Lose the connection and wait until the page dials again. */
export function redial(browser, code = 1006) {
  browser.socket.end(code);
  browser.pass(20_500);
}

/** Lose the connection, wait it out, and enter again. */
export function comeBack(browser, code = 1006) {
  browser.socket.end(code);
  browser.pass(20_500);
  enter(browser.socket);
}

/** The texts that were sent; the ack and the envelope of what was sent last. */
export const sends = (socket) => socket.all("send").map(({ payload }) => payload.text);
export const ack = (socket) => ({ type: "ack", id: socket.last("send").id, payload: { message: 9, offset: null, at: "2030-01-01T00:00:05.000Z" } });
export const echo = (socket, changes) => {
  const { text, key } = socket.last("send").payload;
  return message({ text, key, author: YOU, ...changes });
};
