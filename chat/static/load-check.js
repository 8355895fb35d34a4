/*
 * Says so where a page's files do not come or do not fit together, and offers to reload it: what was typed is kept.
 *
 * A classic script, asked for without a version, so that a server of any version has it: it must fit the pages of all of them.
 * They give it #load-failed with a button, and mark the module that starts the page by data-starts; that module says that it
 * has started by data-started on the root and an event "started". Words stand in the page.
 */
"use strict";

(() => {
  /** A page whose files are still on their way after this time is told of, too; it may start later all the same. */
  const PATIENCE_MS = 20_000;
  const FIELDS = "textarea[id], input[id]:is(:not([type]), [type=text], [type=search], [type=email], [type=url], [type=number])";
  const root = document.documentElement;
  let failed = false;

  const waits = () => document.querySelector("script[data-starts]") && !("started" in root.dataset);
  const isOurs = (node) => node instanceof HTMLScriptElement || (node instanceof HTMLLinkElement && node.rel === "stylesheet");
  const isMissing = (entry) => ["script", "link", "css"].includes(entry.initiatorType) && entry.responseStatus >= 400;

  function fail() {
    failed = true;
    const notice = document.getElementById("load-failed");
    if (!notice) return; // Its place in the page has not come yet: it is shown then.
    root.dataset.failed = "";
    notice.hidden = false;
    notice.querySelector("button").onclick = () => {
      keep();
      location.reload();
    };
  }

  function withdraw() {
    failed = false;
    delete root.dataset.failed;
    document.getElementById("load-failed").hidden = true;
  }

  /** What was typed lasts over a reload in the window's history: storage may be forbidden, and is other tabs' too. */
  function keep() {
    const typed = [...document.querySelectorAll(FIELDS)].filter((field) => field.value !== field.defaultValue);
    const values = Object.fromEntries(typed.map((field) => [field.id, field.value]));
    history.replaceState({ ...history.state, typed: values }, "");
  }

  function restore() {
    const { typed = {}, ...rest } = history.state ?? {};
    const fields = Object.keys(typed).map((id) => document.getElementById(id)).filter(Boolean);
    for (const field of fields) field.value = typed[field.id];
    if (fields.length > 0) history.replaceState(rest, "");
    document.addEventListener("started", () => fields.forEach((field) => field.dispatchEvent(new Event("input", { bubbles: true }))));
  }

  addEventListener(
    "error",
    ({ target }) => {
      if (isOurs(target) || (target === window && waits())) fail();
    },
    true,
  );
  addEventListener("unhandledrejection", ({ reason }) => {
    // A part of the page that is loaded when it is needed; browsers have no name for this error but its words.
    if (reason instanceof TypeError && /import/i.test(reason.message)) fail();
  });
  // Nothing would send it but the browser itself, which would put it into the address.
  document.addEventListener("submit", (event) => {
    if (waits() && event.target.matches("#composer, #name form")) event.preventDefault();
  });
  addEventListener("load", () => {
    if (waits() || performance.getEntriesByType("resource").some(isMissing)) fail();
  });
  const late = setTimeout(() => {
    if (!waits()) return;
    fail();
    document.addEventListener("started", withdraw);
  }, PATIENCE_MS);
  document.addEventListener("started", () => clearTimeout(late));
  // Not `pagehide`: the history keeps nothing any more then.
  addEventListener("beforeunload", () => failed && keep());
  document.addEventListener("readystatechange", () => {
    if (document.readyState !== "interactive") return;
    restore();
    if (failed) fail();
  });
})();
