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

test("a guest's token is kept and shown on the next dial, the newest one", () => {
  const { browser, client } = started();
  assert.deepEqual(browser.socket.protocols, ["chat.v1.json"]);
  browser.socket.say(welcome({ token: "one" }));
  client.rename("Ada");
  browser.socket.end();
  browser.pass(20_000);
  assert.deepEqual(browser.socket.protocols, ["chat.v1.json", "bearer.one"]);
  browser.socket.say(welcome({ token: "two" }));
  browser.socket.say({ type: "ack", id: browser.socket.last("name").id, payload: { user: { ...YOU, name: "Ada" }, token: "three" } });
  browser.socket.end();
  browser.pass(20_000);
  assert.deepEqual(browser.socket.protocols, ["chat.v1.json", "bearer.three"]);
});

test("a guest that is known by its token need not say its name again", () => {
  const { browser } = started((fresh) => {
    fresh.remember("chat.name", "Ada");
    fresh.remember("chat.guest", "one");
  });
  browser.socket.say(welcome({ user: { ...YOU, name: "Ada" }, token: "two" }));
  assert.equal(browser.socket.all("name").length, 0);
});

test("a token that the server does not take is forgotten, and one comes as a new guest at once", () => {
  const { browser, view } = started((fresh) => fresh.remember("chat.guest", "old"));
  browser.socket.end(4510);
  assert.equal(browser.sockets.length, 2);
  assert.deepEqual(browser.socket.protocols, ["chat.v1.json"]);
  assert.equal(browser.recall("chat.guest"), null);
  browser.socket.end(4510);
  assert.equal(browser.sockets.length, 2, "there was no token to be refused");
  assert.equal(view.last("status").name, "stopped");
});

test("no token, or an odd one, is no token; what cannot be kept is said once and harms nothing", () => {
  for (const token of [undefined, null, 5, {}]) {
    const { browser } = started();
    browser.socket.say(welcome({ token }));
    assert.equal(browser.recall("chat.guest"), null);
  }
  const { browser, view } = started();
  browser.profile.quota = 0;
  browser.socket.say(welcome({ token: "x".repeat(300) }));
  assert.equal(view.last("you").id, YOU.id);
  assert.equal(browser.warnings.length, 1);
});

test("who is nobody yet says no name", () => {
  const { browser } = started((fresh) => fresh.remember("chat.name", "Ada"));
  browser.socket.say(welcome({ user: null }));
  assert.equal(browser.socket.all("name").length, 0);
  assert.equal(browser.recall("chat.name"), "Ada");
});

test("a name that cannot be kept holds for this connection, with a warning", () => {
  const { browser, view, client } = entered();
  browser.profile.quota = 0;
  assert.equal(client.rename("Ada"), "");
  assert.deepEqual(browser.socket.last("name").payload, { name: "Ada" });
  browser.socket.say({ type: "ack", id: browser.socket.last("name").id, payload: { user: { ...YOU, name: "Ada" } } });
  assert.deepEqual([view.last("you").name, browser.warnings.length], ["Ada", 2]);
  browser.socket.end();
  assert.equal(client.rename("Bea"), "");
  assert.equal(view.last("you").name, "Bea");
});
