/** Return a new element; `text` is set as text, never as markup. */
export function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

/** Return a new button that runs something. */
export function button(className, text, run) {
  const node = element("button", className, text);
  node.type = "button";
  node.addEventListener("click", run);
  return node;
}
