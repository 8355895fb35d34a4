import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { sentence } from "../../chat/static/chat/client/errors.js";
import { later, learn, several, t, told } from "../../chat/static/chat/client/words.js";
import { localeOf } from "../../chat/static/chat/ui/locale.js";

afterEach(() => learn());

test("without a catalog a sentence says itself", () => {
  assert.equal(t("Connected"), "Connected");
  assert.equal(t("Written as {name}.", { name: "Ada {x} $& $1" }), "Written as Ada {x} $& $1.");
  assert.equal(t("{here} and {there}", { here: "a" }), "a and {there}");
  assert.equal(told("At most 20 messages a second."), "At most 20 messages a second.");
  assert.equal(later("Connected"), "Connected");
});

test("a sentence is said in the page's language, and one that has no translation in English", () => {
  learn({ language: "zh-hans", words: { Connected: "已连接", "Written as {name}.": "以 {name} 的名义写下。" } });
  assert.equal(t("Connected"), "已连接");
  assert.equal(t("Written as {name}.", { name: "Ada" }), "以 Ada 的名义写下。");
  assert.equal(t("Saving…"), "Saving…");
  assert.equal(t("toString"), "toString");
});

test("a number has the form that its language wants", () => {
  const days = (count) => several(count, "{count} day", "{count} days");
  assert.deepEqual([0, 1, 2].map(days), ["0 days", "1 day", "2 days"]);
  learn({ language: "pl", words: { "{count} day": ["{count} dzień", "{count} dni", "{count} dni!"] } });
  assert.deepEqual([1, 2, 5, 22, 1.5].map(days), ["1 dzień", "2 dni", "5 dni!", "22 dni", "1.5 dni!"]);
  learn({ language: "zh-hans", words: { "{count} day": ["{count} 天"] } });
  assert.deepEqual([1, 2].map(days), ["1 天", "2 天"]);
});

test("what the server says is told in the page's language, with what stands in it", () => {
  const table = {
    "There is no message {message} to reply to.": "没有可回复的消息 {message}。",
    "There is no message {message}.": "没有消息 {message}。",
    "A (b) may [not] be, {name}": "甲 {name}",
  };
  learn({ language: "zh-hans", told: table });
  assert.equal(told("There is no message 7 to reply to."), "没有可回复的消息 7。");
  assert.equal(told("There is no message 7."), "没有消息 7。");
  assert.equal(told("A (b) may [not] be, $1"), "甲 $1");
  assert.equal(told("There is no such message."), "There is no such message.");
});

test("a refusal is told without its place, with or without its full stop; one that is not known is told as it came", () => {
  learn({ language: "zh-hans", told: { "Expected visible characters, got U+{code}.": "含有 U+{code}。" } });
  assert.equal(sentence({ code: "bad_frame", message: "payload.name: expected visible characters, got U+200B" }), "含有 U+200B。");
  assert.equal(sentence({ code: "bad_frame", message: "payload.key: what is this" }), "What is this");
  const empty = { code: "unsupported", message: "Expected text that shows something, got none that does.", key: "text.empty", field: "text" };
  assert.equal(sentence(empty), "This message shows nothing. Write something that can be read.");
  assert.equal(sentence({ ...empty, key: "text.odd" }), "Expected text that shows something, got none that does.");
  assert.equal(sentence({ code: "bad_frame", message: "", key: "name.length", params: { most: 40, count: 41 } }), "A name has 1 to 40 characters. This one has 41.");
});

test("days are written as the reader does, where that is the page's language and script", () => {
  assert.equal(localeOf("en", ["de-DE", "en-GB"]), "en-GB");
  assert.equal(localeOf("en", ["de-DE"]), "en");
  assert.equal(localeOf("zh-hans", ["zh-CN", "en"]), "zh-CN");
  assert.equal(localeOf("zh-hans", ["en-US", "zh-SG"]), "zh-SG");
  assert.equal(localeOf("zh-hans", ["zh-TW", "en"]), "zh-hans");
  assert.equal(localeOf("zh-hans", ["en-US@posix", "zh"]), "zh");
});
