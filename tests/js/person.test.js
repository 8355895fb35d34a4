import assert from "node:assert/strict";
import { test } from "node:test";

import { failure, welcome, YOU } from "./fakes.js";
import { ack, entered, started } from "./started.js";

test("a chosen name is sent, shown, remembered, and said first on the next connection", () => {
  const { browser, view, client } = entered();
  assert.equal(client.rename("  Ada "), "");
  const { id, payload } = browser.socket.last("name");
  assert.deepEqual(payload, { name: "Ada" });
  browser.socket.say({ type: "ack", id, payload: { user: { ...YOU, name: "Ada" } } });
  assert.equal(view.last("you").name, "Ada");
  browser.socket.end();
  browser.pass(20_000);
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.sent.map(({ type }) => type), ["ping", "name", "join"]);
});

test("a name chosen while disconnected is said once connected", () => {
  const { browser, view, client } = started();
  assert.equal(client.rename("Ada"), "");
  assert.equal(view.last("you").name, "Ada");
  browser.socket.say(welcome());
  assert.deepEqual(browser.socket.last("name").payload, { name: "Ada" });
});

test("an empty name is refused before it is sent", () => {
  const { browser, client } = entered();
  assert.notEqual(client.rename("  "), "");
  assert.equal(browser.socket.all("name").length, 0);
});

test("a name that the server refuses is told and forgotten, one it cannot take now is kept", () => {
  for (const [code, stored] of [["forbidden", null], ["bad_frame", null], ["rate_limited", "Server"], ["unavailable", "Server"]]) {
    const { browser, view, client } = entered();
    client.rename("Server");
    browser.socket.say(failure(browser.socket.last("name").id, code));
    assert.equal(view.last("unnamed"), `Says ${code}`);
    assert.equal(browser.recall("chat.name"), stored, code);
  }
});

test("a remembered name is not said by somebody signed in, nor when it is the name already", () => {
  for (const user of [{ ...YOU, kind: "user" }, { ...YOU, name: "Ada" }]) {
    const { browser } = started((fresh) => fresh.remember("chat.name", "Ada"));
    browser.socket.say(welcome({ user }));
    assert.equal(browser.socket.all("name").length, 0);
  }
});
