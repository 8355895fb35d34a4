import assert from "node:assert/strict";
import { test } from "node:test";

import { parts } from "../../chat/static/chat/client/links.js";
import { vectors } from "./vectors.js";

/** Return a text with its links in ⟨⟩. */
const marked = (text) => parts(text).map((part) => (part.href === null ? part.text : `⟨${part.text}⟩`)).join("");

test("web addresses are found, without the sentence or the brackets around them", () => {
  const table = [
    ["see https://example.org", "see ⟨https://example.org⟩"],
    ["https://example.org/a?b=c&d#e, or HTTP://EXAMPLE.org.", "⟨https://example.org/a?b=c&d#e⟩, or ⟨HTTP://EXAMPLE.org⟩."],
    ["(https://example.org/a_(b))", "(⟨https://example.org/a_(b)⟩)"],
    ["[https://example.org/a]!?", "[⟨https://example.org/a⟩]!?"],
    ["“https://example.org/…”", "“⟨https://example.org/⟩…”"],
    ["<https://example.org>\nhttps://b.example", "<⟨https://example.org⟩>\n⟨https://b.example⟩"],
    ["漢字https://example.org/漢字。", "漢字⟨https://example.org/漢字⟩。"],
    ["http://127.0.0.1:8080/x http://[::1]:80/", "⟨http://127.0.0.1:8080/x⟩ ⟨http://[::1]:80/⟩"],
    ["https://example.org/@user and mail me@example.org", "⟨https://example.org/@user⟩ and mail me@example.org"],
    ["https://example.org/?q=https://b.example", "⟨https://example.org/?q=https://b.example⟩"],
  ];
  for (const [text, expected] of table) assert.equal(marked(text), expected);
});

test("an address ends where its reader sees it end, in every script, and leads to the host that it shows", () => {
  const table = vectors("links");
  assert.ok(table.length >= 60, "too few vectors");
  for (const { name, text, marked: expected } of table) assert.equal(marked(text), expected, name);
});

test("no text makes an address lead to a host that is not in it", () => {
  const pieces = ["https://", "a.example", "谢谢", "。", "，", ".", "@", "user", "ｅ", "\u3164", "%61", "evil.example", "/", ":", "80", "(", ")", "*", "에서", "_"];
  let seed = 7;
  const next = () => (seed = (seed * 16807) % 2147483647);
  for (let round = 0; round < 5000; round += 1) {
    const text = `https://${Array.from({ length: 1 + (next() % 8) }, () => pieces[next() % pieces.length]).join("")}`;
    for (const { text: shown, href } of parts(text)) {
      if (href === null) continue;
      const authority = shown.split("/")[2].split(/[?#]/)[0].replace(/:\d+$/, "");
      assert.ok(!authority.includes("@") && !/[，。ｅ\u3164%]/.test(authority), text);
      assert.equal(new URL(`https://${authority}/`).hostname, new URL(href).hostname, text);
    }
  }
});

test("what deceives, names a user, does not parse or is another scheme is no link", () => {
  const bidi = ["\u061c", "\u200e", "\u200f", ..."\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"];
  const table = [
    ...bidi.flatMap((control) => [`https://example.org/${control}gpj.exe`, `https://exa${control}mple.org`, `https://example.org${control}`]),
    "https://example.org/\u200bx",
    "https://example.org/\u00adx",
    "https://example.org/\u0000x",
    "https://user@example.org",
    "https://user:password@example.org/",
    "https://@example.org",
    "https://example.org\\@evil.example",
    "https://",
    "http://.",
    "https://...",
    "https://exa mple.org:99999".replace(" ", ""),
    "http://[::1",
    "https://%",
    "javascript:alert(1)//",
    "data:text/html,x",
    "ftp://example.org",
    "file:///etc/passwd",
    "xhttps://example.org",
    "httpſ://example.org",
    "//example.org",
  ];
  for (const text of table) {
    const linked = parts(text).filter(({ href }) => href !== null);
    // An address may end before a backslash; where it leads is then what it says.
    for (const { text: shown, href } of linked) assert.deepEqual([shown, href], ["https://example.org", "https://example.org/"], text);
    if (!text.includes("\\")) assert.deepEqual(linked, [], JSON.stringify(text));
  }
});

test("joined, the parts are the text, and a link leads over http or https", () => {
  const pieces = ["https://", "http://a.b", "(", ")", "]", "\u202e", "@", " ", "\n", ".", "x", "é", "👍", "\ud800", "/"];
  let seed = 1;
  const next = () => (seed = (seed * 16807) % 2147483647);
  for (let round = 0; round < 2000; round += 1) {
    const text = Array.from({ length: 1 + (next() % 12) }, () => pieces[next() % pieces.length]).join("");
    const found = parts(text);
    assert.equal(found.map((part) => part.text).join(""), text);
    for (const { href } of found) assert.ok(href === null || /^https?:$/.test(new URL(href).protocol), JSON.stringify(text));
  }
});

test("the longest message takes no longer than its length allows", () => {
  const paths = [")", "]", "(", ".", ".)", ")*", ")'", "https://", "https://a.", "https://a.b,", "https://a.b,/=", "https://a.b/*谢", "http://[", "@", "a\u200c", "_*"];
  const hosts = ["a", "ü", "谢", ".", "a.", "a.谢.", "._-", "a-", "-_谢", "https://a.b,", "@", "https://u@/"];
  const whole = ["**[a](https://a.b/)** ", "**a https://a.b/ ", "*a", "*(https://a.b/)*."];
  const long = (piece) => piece.repeat(Math.ceil(65_536 / piece.length));
  const leads = ["*", "(", "**see *("];
  const texts = [...whole.map(long), ...leads.flatMap((lead) => paths.map((piece) => `${lead}https://example.org/${long(piece)}`)), ...hosts.map((piece) => `https://${long(piece)}.com/`)];
  const begun = performance.now();
  for (const text of texts) parts(text);
  assert.ok(performance.now() - begun < 4000);
});

test("a host longer than a name may be is no link, and is never encoded", () => {
  for (const letter of ["a", "ü", "谢", "😀"]) {
    for (const text of [`https://${letter.repeat(20_000)}.example/`, `https://${letter.repeat(20_000)}`, `https://${`${letter.repeat(20)}.`.repeat(1000)}example/x`]) {
      assert.deepEqual(parts(text), [{ text, href: null }]);
    }
  }
});
