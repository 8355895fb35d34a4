/**
 * Pages without a browser: the project's own client, as many as asked for, in one node process. Commands come in as lines
 * of JSON, {do, id?, …}; each gets one line {id, …} for an answer.
 */

import process from "node:process";
import { createInterface } from "node:readline";

import { Page } from "./page.js";

const pages = new Map();

const COMMANDS = {
  open({ name, rooms, urls }) {
    pages.set(name, new Page(rooms, urls));
  },
  cut({ name }) {
    return { cut: pages.get(name).cut() };
  },
  /** Where every page is; with `whole` also what it holds. */
  look({ name, whole }) {
    return pages.get(name).look(whole);
  },
  write({ name, room, text }) {
    return pages.get(name).write(room, text);
  },
  change({ name, room, number, change }) {
    pages.get(name).change(room, number, change);
  },
  older({ name }) {
    return { loading: pages.get(name).older() };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  // Not waited for here: a message may take long to be acknowledged.
  Promise.resolve(COMMANDS[command.do](command)).then((answer) => {
    process.stdout.write(`${JSON.stringify({ id: command.id, ...answer })}\n`);
  });
}
process.exit(0);
