import { browserAdapters } from "./client/adapters.js";
import { Client } from "./client/client.js";
import { Composer } from "./ui/composer.js";
import { Log } from "./ui/log.js";
import { Name } from "./ui/name.js";
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
  you: (user) => name.show(user),
  unnamed: (sentence) => name.refused(sentence),
  added: (item) => log.add(item),
  changed: (item) => log.renew(item),
};

const client = new Client({ room: config.room, path: config.path, adapters, view });
const status = new Status({ root: find("status"), adapters, again: () => client.start() });
const topic = new Topic({ button: find("topic") });
const retry = (item) => client.retry(item);
const log = new Log({ list: find("messages"), newer: find("newer"), retry, adapters, locale });
const composer = new Composer({ form: find("composer"), write: (text) => client.write(text) });
const name = new Name({
  root: find("name"),
  fixed: find("signed-in"),
  rename: (text) => client.rename(text),
  done: () => composer.focus(),
});

client.start();
