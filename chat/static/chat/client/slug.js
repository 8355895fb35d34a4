/** Return the address that the server would make of a room's title; nothing where it has no Latin letters or digits. */
export function slugOf(title) {
  const plain = title.normalize("NFKD").replace(/[^\x00-\x7f]/g, "").toLowerCase();
  const joined = plain.replace(/[^\w\s-]/g, "").replace(/[-_\s]+/g, "-");
  return joined.replace(/^-+/, "").slice(0, 64).replace(/-+$/, "");
}
