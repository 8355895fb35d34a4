import { browserAdapters } from "./client/adapters.js";
import { Client } from "./client/client.js";
import { Composer } from "./ui/composer.js";
import { Log } from "./ui/log.js";
import { Name } from "./ui/name.js";
import { Status } from "./ui/status.js";

const find = (id) => document.getElementById(id);
const config = JSON.parse(find("client-config").textContent);
const adapters = browserAdapters(window);

const view = {
  status: (state) => status.show(state),
  joined: ({ title }) => {
    status.joined();
    if (title) find("room-title").textContent = title;
  },
  refused: (sentence) => status.refused(sentence),
  complaint: (sentence) => composer.say(sentence),
  you: (user) => name.show(user),
  unnamed: (sentence) => name.refused(sentence),
  added: (item) => log.add(item),
  changed: (item) => log.renew(item),
};

const client = new Client({ room: config.room, path: config.path, adapters, view });
const status = new Status({ root: find("status"), adapters, again: () => client.start() });
const log = new Log({ list: find("messages"), newer: find("newer"), retry: (item) => client.retry(item) });
const composer = new Composer({ form: find("composer"), write: (text) => client.write(text) });
const name = new Name({
  root: find("name"),
  rename: (text) => client.rename(text),
  done: () => composer.focus(),
});

client.start();
