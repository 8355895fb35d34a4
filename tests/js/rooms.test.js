import assert from "node:assert/strict";
import { test } from "node:test";

import { Rooms } from "../../chat/static/chat/client/rooms.js";
import { FakeView } from "./fakes.js";

const ME = "user:1";
const lobby = { room: "lobby", title: "Lobby", kind: "public", role: "member", last: 5, read: 3, archived: false };
const tea = { room: "tea", title: "afternoon tea", kind: "members", role: "owner", last: 2, read: 2, archived: false };

function begun(rooms = [lobby, tea]) {
  const view = new FakeView();
  return { view, rooms: new Rooms({ rooms, view }) };
}

const unread = ({ list }) => list.map(({ room, unread: count }) => [room, count]);

test("one's rooms are in order of their titles, archived ones last, and what is unread is counted", () => {
  const old = { ...lobby, room: "old", title: "Aaa", archived: true, last: 10, read: 0 };
  const { rooms } = begun([lobby, old, tea]);
  assert.deepEqual(unread(rooms), [["tea", 0], ["lobby", 2], ["old", 10]]);
  assert.equal(rooms.unread, 12);
  assert.equal(rooms.of("tea").role, "owner");
  assert.equal(rooms.of("elsewhere"), undefined);
});

test("you tells all of it anew, and what was read here is not unread again", () => {
  const { rooms, view } = begun();
  rooms.saw("lobby", 5);
  assert.equal(rooms.unread, 0);
  rooms.take({ type: "you", payload: { rooms: [{ ...lobby, last: 6, title: "The lobby" }] } }, ME);
  assert.deepEqual(unread(rooms), [["lobby", 1]]);
  assert.deepEqual(view.last("rooms").map(({ title }) => title), ["The lobby"]);
});

test("a room comes, changes and goes", () => {
  const { rooms } = begun([lobby]);
  rooms.take({ type: "room", payload: tea }, ME);
  rooms.take({ type: "room", payload: { ...lobby, role: "moderator", title: "Hall" } }, ME);
  assert.deepEqual(rooms.list.map(({ title, role }) => [title, role]), [["afternoon tea", "owner"], ["Hall", "moderator"]]);
  rooms.take({ type: "room", payload: { ...lobby, role: "" } }, ME);
  assert.deepEqual(unread(rooms), [["tea", 0]]);
});

test("unread and read move only forward, and only what is one's own", () => {
  const { rooms } = begun();
  const steps = [
    ["unread", { room: "lobby", last: 9 }, 6],
    ["unread", { room: "lobby", last: 7 }, 6],
    ["unread", { room: "elsewhere", last: 7 }, 6],
    ["read", { room: "lobby", user: "user:2", message: 9 }, 6],
    ["read", { room: "lobby", user: ME, message: 8 }, 1],
    ["read", { room: "lobby", user: ME, message: 4 }, 1],
    ["read", { room: "lobby", user: ME, message: 12 }, 0],
  ];
  for (const [type, payload, left] of steps) {
    rooms.take({ type, payload }, ME);
    assert.equal(rooms.unread, left, JSON.stringify(payload));
  }
});

test("mentions are gone once all is read", () => {
  const { rooms } = begun();
  rooms.take({ type: "unread", payload: { room: "lobby", last: 6, mentions: 2 } }, ME);
  assert.equal(rooms.of("lobby").mentions, 2);
  rooms.saw("lobby", 6);
  assert.equal(rooms.of("lobby").mentions, 0);
});

test("what makes no sense is left alone, and a stranger's read is told to nobody", () => {
  const { rooms, view } = begun([lobby]);
  rooms.take({ type: "you", payload: { rooms: "none" } }, ME);
  assert.deepEqual(rooms.list, []);
  rooms.take({ type: "you", payload: { rooms: [null, {}, { room: 7 }, { room: "bare" }, { ...lobby, last: -1, read: 1.5, title: null }] } }, ME);
  assert.deepEqual(rooms.list.map(({ room, title, last, read }) => [room, title, last, read]), [["bare", "bare", 0, 0], ["lobby", "lobby", 0, 0]]);
  const told = view.all("rooms").length;
  rooms.take({ type: "read", payload: { room: "lobby", user: "user:2", message: 1 } }, ME);
  assert.equal(view.all("rooms").length, told);
});
