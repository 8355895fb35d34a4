import { blockEnds, headOf, thinned } from "../client/drawn.js";
import { parts } from "../client/links.js";
import { t } from "../client/words.js";
import { button, element } from "./element.js";

/** An address that goes on for more than this behind the head of a text is not linked there. */
const ADDRESS_BEYOND = 2048;

/** Show a text in a message's body: whole, or its head and a button that shows all of it. */
export function showText(body, text) {
  const drawn = thinned(text);
  const place = headOf(drawn);
  putWords(body, head(drawn, place));
  if (place.end - place.start < drawn.length) body.firstElementChild.after(foldButton(body, drawn, place));
}

/** Put the words of a message into its body, in the place of those before. */
export function putWords(body, words) {
  body.querySelector(".fold")?.remove();
  body.firstElementChild.replaceWith(words);
}

function foldButton(body, drawn, place) {
  const fold = button("fold", t("Show all"), () => {
    const open = fold.getAttribute("aria-expanded") !== "true";
    fold.setAttribute("aria-expanded", String(open));
    fold.textContent = open ? t("Show less") : t("Show all");
    body.firstElementChild.replaceWith(open ? whole(drawn) : head(drawn, place));
    // The list has grown or shrunk under its reader, who may stand at its end no longer.
    body.closest(".messages")?.dispatchEvent(new Event("scroll"));
  });
  fold.setAttribute("aria-expanded", "false");
  return fold;
}

function head(drawn, { start, end }) {
  const node = textNode(end < drawn.length ? "text cut" : "text");
  const seen = drawn.slice(0, end + ADDRESS_BEYOND);
  const known = parts(seen);
  // What is cut off in the middle would lead elsewhere.
  if (seen.length < drawn.length && known.at(-1)?.href) known.at(-1).href = null;
  taken(known, start);
  node.append(...taken(known, end - start));
  return node;
}

function whole(drawn) {
  const node = textNode("text whole");
  const rest = parts(drawn);
  let start = 0;
  for (const end of blockEnds(drawn)) {
    const block = element("span", "block");
    block.append(...taken(rest, end - start));
    node.append(block);
    start = end;
  }
  return node;
}

/** Take so many characters from the front of a text's parts; return their nodes. */
function taken(rest, length) {
  const nodes = [];
  for (let left = length; left > 0 && rest.length > 0; ) {
    const { text, href } = rest[0];
    nodes.push(shown({ text: text.slice(0, left), href }));
    if (text.length > left) rest[0] = { text: text.slice(left), href };
    else rest.shift();
    left -= text.length;
  }
  return nodes;
}

function textNode(className) {
  const node = element("p", className);
  node.dir = "auto";
  return node;
}

/** What is typed is what is shown; the other side learns neither this page nor gets hold of it. */
function shown({ text, href }) {
  if (href === null) return text;
  const node = element("a", "", text);
  node.href = href;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  return node;
}
