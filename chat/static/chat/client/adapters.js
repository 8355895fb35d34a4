/**
 * Everything that the client takes from its browser: sockets, timers, chance, storage, whether the network and the reader
 * are there.
 * Tests hand in another object of this shape; nothing else is replaced.
 */

/** Return the adapters of a real browser's window. Times are milliseconds. */
export function browserAdapters(window) {
  const { storage, lasting } = storageOf(window);
  const locks = window.navigator?.locks;
  return {
    dial: (path, protocols) => new window.WebSocket(socketAddress(window.location, path), protocols),
    now: () => window.performance.now(),
    date: () => new Date(),
    after(delay, run) {
      const timer = window.setTimeout(run, delay);
      return () => window.clearTimeout(timer);
    },
    random: () => Math.random(),
    // Not crypto.randomUUID: browsers offer it on https and localhost only, and a LAN's plain http is neither.
    randomBytes: (count) => window.crypto.getRandomValues(new Uint8Array(count)),
    recall: (name) => storage.getItem(name),
    remember: (name, value) => storage.setItem(name, value),
    forget: (name) => storage.removeItem(name),
    /** The names of what is remembered that begin so. */
    stored: (start) => Array.from({ length: storage.length }, (_, place) => storage.key(place)).filter((name) => name.startsWith(start)),
    /** Whether what is remembered outlasts the page. */
    lasting,
    /** Hold a lock for as long as the page lives; false where the browser has none (plain http). */
    hold(name) {
      // Never settled: the browser takes the lock back when the page is gone.
      locks?.request(name, () => new Promise(() => {}));
      return Boolean(locks);
    },
    /** Run once nobody holds the lock any more, never beside another page that waited for it. */
    whenFree: (name, run) => locks.request(name, run),
    onLeave: (run) => window.addEventListener("pagehide", run),
    onOnline: (run) => window.addEventListener("online", run),
    visible: () => !window.document.hidden,
    onVisible: (run) => window.document.addEventListener("visibilitychange", () => !window.document.hidden && run()),
    warn: (...words) => window.console.warn(...words),
  };
}

/** Return the WebSocket address of a path on the page's own server. */
export function socketAddress(location, path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${path}`;
}

/** Return the window's storage; where the reader's settings forbid it, one that lasts as long as the page. */
function storageOf(window) {
  try {
    const probe = "chat.probe";
    window.localStorage.setItem(probe, probe);
    window.localStorage.removeItem(probe);
    return { storage: window.localStorage, lasting: true };
  } catch (refused) {
    window.console.info("Nothing is remembered after this page:", refused.name);
    return { storage: new PageStorage(), lasting: false };
  }
}

/** What localStorage offers, kept in memory. */
class PageStorage {
  #values = new Map();

  get length() {
    return this.#values.size;
  }

  key(place) {
    return [...this.#values.keys()][place] ?? null;
  }

  getItem(name) {
    return this.#values.get(name) ?? null;
  }

  setItem(name, value) {
    this.#values.set(name, String(value));
  }

  removeItem(name) {
    this.#values.delete(name);
  }
}
