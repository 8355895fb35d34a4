import { browserAdapters } from "./client/adapters.js";
import { Client } from "./client/client.js";
import { learn } from "./client/words.js";
import { Actions } from "./ui/actions.js";
import { Clock } from "./ui/clock.js";
import { Closed } from "./ui/closed.js";
import { Composer } from "./ui/composer.js";
import { Days } from "./ui/days.js";
import { Lines } from "./ui/line.js";
import { localeOf } from "./ui/locale.js";
import { Log } from "./ui/log.js";
import { closeable } from "./ui/menu.js";
import { Name } from "./ui/name.js";
import { Notices } from "./ui/notices.js";
import { Quotes } from "./ui/quotes.js";
import { Sidebar } from "./ui/sidebar.js";
import { started } from "./ui/started.js";
import { Status } from "./ui/status.js";
import { Title } from "./ui/title.js";
import { Topic } from "./ui/topic.js";

const find = (id) => document.getElementById(id);
const config = JSON.parse(find("client-config").textContent);
const adapters = browserAdapters(window);
learn(config.words);
// Days are named in the page's language, and as the reader writes them where that is also theirs.
const locale = localeOf(document.documentElement.lang, navigator.languages);
// The zone of one's profile, or the browser's.
const timeZone = known(config.time_zone);

/** Refusals that a page answers by more than a line: there is nothing to be seen here now. */
const SHUT = new Set(["forbidden", "unauthenticated"]);

// What the server ended for good is another page by now: one is signed out, or the room is not there.
let ended = false;

const view = {
  status: (state) => {
    ended = state.name === "stopped";
    status.show(state);
  },
  joined: ({ title, topic: words }) => {
    status.joined();
    closed.open();
    // What a direct room is called depends on who reads it: the page and one's own list say so.
    if (title && config.kind !== "direct") heading.call(title);
    topic.show(words);
  },
  roundTrip: (ms) => status.roundTrip(ms),
  limit: (bytes) => composer.limit(bytes),
  refused: (sentence, code) => {
    status.refused(sentence);
    if (SHUT.has(code)) closed.show(sentence);
  },
  complaint: (sentence) => composer.say(sentence),
  you: (user) => {
    name.show(user);
    log.renewAll();
  },
  rooms: (rooms) => {
    sidebar?.show(rooms);
    const here = client.rooms.of(config.room);
    if (here) heading.call(here.title);
    if (here && here.archived !== archived) stand(here.role, here.archived);
    showUnread();
  },
  role: (role) => stand(role, archived),
  notice: (notice) => notices.show(notice),
  unnamed: (sentence) => name.refused(sentence),
  added: (item) => log.added(item),
  changed: (item) => log.changed(item),
  removed: () => log.removed(),
  cleared: (isAnother) => log.cleared(isAnother),
  missed: (item) => log.missed(item),
  past: (state) => log.past(state),
  later: (state) => log.later(state),
  sought: (state) => quotes.sought(state),
};

const client = new Client({ room: config.room, path: config.path, rooms: config.rooms, adapters, view });
const { room } = client;
const list = find("messages");
const heading = new Title({ heading: find("room-title"), title: config.title });
const sidebar = find("sidebar") && new Sidebar({ root: find("sidebar"), drawer: find("drawer"), current: config.room });
const notices = new Notices({ list: find("notices") });
const closed = new Closed({ root: find("closed"), rest: [list, find("newer"), find("composer"), find("barred"), find("join")] });
const status = new Status({ root: find("status"), adapters, again: () => (ended ? location.reload() : client.start()) });
const topic = new Topic({ button: find("topic") });
const lines = new Lines({ room, you: () => client.you, goTo: (number) => quotes.goTo(number), clock: new Clock({ locale, timeZone }) });
let { archived } = config;
let unseen = 0;
const log = new Log({
  ...{ list, newer: find("newer"), lines, room, adapters, days: new Days({ locale, timeZone }) },
  unseen: (count) => {
    unseen = count;
    if (count === 0) client.saw();
    showUnread();
  },
});
const quotes = new Quotes({
  room,
  reveal: (item) => log.reveal(item)?.focus({ preventScroll: true }),
  say: (sentence) => composer.say(sentence),
});
const composer = new Composer({
  form: find("composer"),
  barred: find("barred"),
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

document.querySelectorAll("#menu, .account details").forEach(closeable);

/** The title counts what is unread in one's rooms; and what came unseen here, where nobody else counts that. */
function showUnread() {
  heading.unread(client.rooms.unread + (client.rooms.of(config.room) ? 0 : unseen));
}

/** What one may do here is another thing now that one has this role, or the room is archived. */
function stand(role, isArchived) {
  archived = isArchived;
  const table = config.bars[archived ? "archived" : "open"];
  const bars = table[role] ?? table[""];
  room.bar(bars);
  composer.bar(bars.post);
  if (find("join")) find("join").hidden = role !== "";
  if (bars.read) closed.show(bars.read);
  log.renewAll();
}

/** Return a time zone; undefined for none, and for one that this browser has not heard of. */
function known(zone) {
  if (!zone) return undefined;
  try {
    return new Intl.DateTimeFormat(undefined, { timeZone: zone }).resolvedOptions().timeZone;
  } catch (unknown) {
    adapters.warn("Times are this browser's own:", String(unknown));
    return undefined;
  }
}

stand(config.role, config.archived);
client.start();
started();
