/** Changes a scrolling list and leaves what is being read where it stands, in every browser in the same way. */

/** Return the first line in sight and where it ends, since its head goes when it becomes one of a group; null where there is none. */
export function anchorOf(list) {
  const top = list.getBoundingClientRect().top;
  const lines = list.children;
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].getBoundingClientRect().bottom > top) high = middle;
    else low = middle + 1;
  }
  // Day lines and the mark come and go by themselves.
  while (lines[low] && !lines[low].matches(".message, .broadcast")) low += 1;
  const node = lines[low];
  return node ? { node, end: node.getBoundingClientRect().bottom - top } : null;
}

/** Scroll so that an anchor stands where it stood. */
export function restore(list, anchor) {
  if (!anchor?.node.isConnected) return;
  const moved = anchor.node.getBoundingClientRect().bottom - list.getBoundingClientRect().top - anchor.end;
  if (moved !== 0) list.scrollTop += moved;
}

/** Change the list in place. */
export function inPlace(list, change) {
  const anchor = anchorOf(list);
  change();
  restore(list, anchor);
}
