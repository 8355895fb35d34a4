import { slugOf } from "../client/slug.js";

/** Propose an address for a new room while its name is typed, until somebody writes another one. */
export function proposeSlug(form) {
  const { title, slug } = form.elements;
  let proposed = slugOf(title.value);
  if (slug.value !== "" && slug.value !== proposed) return;
  title.addEventListener("input", () => {
    if (slug.value !== proposed) return;
    slug.value = proposed = slugOf(title.value);
  });
}
