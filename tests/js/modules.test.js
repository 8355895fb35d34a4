import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../chat/static/chat/", import.meta.url));
const modules = readdirSync(ROOT, { recursive: true }).filter((name) => name.endsWith(".js") && !name.startsWith("vendor"));
const source = (name) => readFileSync(path.join(ROOT, name), "utf8");
const imports = (name) =>
  [...source(name).matchAll(/^import .*?from "(.+?)"(.?)$/gms)].map(([, from, end]) => ({ from, end }));
const resolve = (name, from) => path.normalize(path.join(path.dirname(name), from));

test("every import is relative, exists, and ends in a semicolon, so that its name can be hashed", () => {
  assert.ok(modules.includes("main.js"));
  for (const name of modules) {
    for (const { from, end } of imports(name)) {
      assert.match(from, /^\.\.?\//, name);
      assert.equal(end, ";", `${name}: ${from}`);
      assert.ok(modules.includes(resolve(name, from)), `${name}: ${from}`);
    }
  }
});

test("no module imports itself by a detour", () => {
  const walk = (name, way) => {
    assert.ok(!way.includes(name), [...way, name].join(" -> "));
    for (const { from } of imports(name)) walk(resolve(name, from), [...way, name]);
  };
  for (const name of modules) walk(name, []);
});

test("the client knows no page: no DOM, and no browser beside its adapters", () => {
  const words = /\b(document|window|localStorage|navigator|WebSocket|setTimeout|setInterval|Date\.now|Math\.random|crypto)\b/;
  const bare = (text) => text.replace(/\/\*.*?\*\//gs, "").replace(/\/\/.*/g, "");
  const client = modules.filter((name) => name.startsWith("client") && !name.endsWith("adapters.js"));
  assert.ok(client.length > 5);
  for (const name of client) assert.doesNotMatch(bare(source(name)), words, name);
});

test("the page writes text as text", () => {
  for (const name of modules) assert.doesNotMatch(source(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b/, name);
});
