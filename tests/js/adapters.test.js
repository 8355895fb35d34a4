import assert from "node:assert/strict";
import { test } from "node:test";

import { browserAdapters, socketAddress } from "../../chat/static/chat/client/adapters.js";

/** A window with what the adapters touch; `localStorage` is the one given, or refuses. */
function fakeWindow(localStorage) {
  return {
    location: { protocol: "https:", host: "chat.example" },
    console: { info() {} },
    get localStorage() {
      if (!localStorage) throw new DOMException("denied", "SecurityError");
      return localStorage;
    },
  };
}

test("the socket's address is the page's own server, with TLS where the page has it", () => {
  const table = [
    ["http:", "127.0.0.1:8080", "ws://127.0.0.1:8080/ws"],
    ["https:", "chat.example", "wss://chat.example/ws"],
    ["http:", "[::1]:9000", "ws://[::1]:9000/ws"],
  ];
  for (const [protocol, host, address] of table) assert.equal(socketAddress({ protocol, host }, "/ws"), address);
});

test("where storage is refused, names last as long as the page", () => {
  const adapters = browserAdapters(fakeWindow(null));
  assert.equal(adapters.recall("chat.name"), null);
  adapters.remember("chat.name", "Ada");
  assert.equal(adapters.recall("chat.name"), "Ada");
  adapters.forget("chat.name");
  assert.equal(adapters.recall("chat.name"), null);
});

test("where there is storage it is used, and nothing of the probe stays", () => {
  const values = new Map();
  const adapters = browserAdapters(
    fakeWindow({
      getItem: (name) => values.get(name) ?? null,
      setItem: (name, value) => values.set(name, value),
      removeItem: (name) => values.delete(name),
    }),
  );
  adapters.remember("chat.name", "Ada");
  assert.deepEqual([...values], [["chat.name", "Ada"]]);
});

test("names are found by how they begin, and whether they last is told", () => {
  const values = new Map([["chat.a", "1"], ["other", "2"]]);
  const lasting = browserAdapters(
    fakeWindow({
      get length() {
        return values.size;
      },
      key: (place) => [...values.keys()][place],
      getItem: (name) => values.get(name) ?? null,
      setItem: (name, value) => values.set(name, value),
      removeItem: (name) => values.delete(name),
    }),
  );
  const passing = browserAdapters(fakeWindow(null));
  for (const name of ["chat.a", "other"]) passing.remember(name, "x");
  for (const adapters of [lasting, passing]) assert.deepEqual(adapters.stored("chat."), ["chat.a"]);
  assert.deepEqual([lasting.lasting, passing.lasting], [true, false]);
});

test("a lock is held for as long as the page lives, where the browser has locks", () => {
  const asked = [];
  const request = (name, run) => asked.push([name, run]);
  const adapters = browserAdapters(Object.assign(fakeWindow(null), { navigator: { locks: { request } } }));
  assert.equal(adapters.hold("one"), true);
  assert.ok(asked[0][1]() instanceof Promise);
  const run = () => {};
  adapters.whenFree("two", run);
  assert.deepEqual(asked[1], ["two", run]);
  assert.equal(browserAdapters(fakeWindow(null)).hold("one"), false);
});

test("the page is told when it is seen again, not when it is hidden", () => {
  const document = new EventTarget();
  document.hidden = true;
  const adapters = browserAdapters(Object.assign(fakeWindow(null), { document }));
  let seen = 0;
  adapters.onVisible(() => (seen += 1));
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual([adapters.visible(), seen], [false, 0]);
  document.hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual([adapters.visible(), seen], [true, 1]);
});
