import { browserAdapters } from "./client/adapters.js";
import { Client } from "./client/client.js";
import { Actions } from "./ui/actions.js";
import { Composer } from "./ui/composer.js";
import { Lines } from "./ui/line.js";
import { Log } from "./ui/log.js";
import { Name } from "./ui/name.js";
import { Quotes } from "./ui/quotes.js";
import { Status } from "./ui/status.js";
import { Topic } from "./ui/topic.js";

const find = (id) => document.getElementById(id);
const config = JSON.parse(find("client-config").textContent);
const adapters = browserAdapters(window);
// Days are named in the page's language, and as the reader writes them where that is also theirs.
const language = document.documentElement.lang;
const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;

const view = {
  status: (state) => status.show(state),
  joined: ({ title, topic: words }) => {
    status.joined();
    if (title) {
      find("room-title").textContent = title;
      document.title = title;
    }
    topic.show(words);
  },
  roundTrip: (ms) => status.roundTrip(ms),
  limit: (bytes) => composer.limit(bytes),
  refused: (sentence) => status.refused(sentence),
  complaint: (sentence) => composer.say(sentence),
  you: (user) => {
    name.show(user);
    log.renewAll();
  },
  unnamed: (sentence) => name.refused(sentence),
  added: (item) => log.added(item),
  changed: (item) => log.changed(item),
  removed: () => log.removed(),
  cleared: () => log.cleared(),
  past: (state) => {
    log.past(state);
    quotes.past(state);
  },
};

const client = new Client({ room: config.room, path: config.path, adapters, view });
const { room } = client;
const list = find("messages");
const status = new Status({ root: find("status"), adapters, again: () => client.start() });
const topic = new Topic({ button: find("topic") });
const lines = new Lines({ room, you: () => client.you, goTo: (number) => quotes.goTo(number) });
const log = new Log({ list, newer: find("newer"), lines, room, adapters, locale });
const quotes = new Quotes({
  room,
  reveal: (item) => log.reveal(item)?.focus({ preventScroll: true }),
  say: (sentence) => composer.say(sentence),
});
const composer = new Composer({
  form: find("composer"),
  verbs: {
    write: (text) => room.write(text),
    reply: (text, item) => room.write(text, item.number),
    edit: (text, item) => room.edit(item, text),
    editLast: () => {
      const last = room.items.findLast((item) => room.may(item).edit);
      if (last) composer.edit(last);
      return Boolean(last);
    },
  },
});
new Actions({
  list,
  itemOf: (node) => log.itemOf(node),
  may: (item) => room.may(item),
  verbs: {
    reply: (item) => composer.reply(item),
    edit: (item) => composer.edit(item),
    delete: (item) => room.delete(item),
    react: (item, emoji) => room.react(item, emoji, true),
  },
  adapters,
});
const name = new Name({
  root: find("name"),
  fixed: find("signed-in"),
  rename: (text) => client.rename(text),
  done: () => composer.focus(),
});

client.start();
