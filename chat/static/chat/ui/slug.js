import { slugOf } from "../client/slug.js";

/** Propose an address for a new room while its name is typed, until somebody writes another one. */
export function proposeSlug(form) {
  const { title, slug } = form.elements;
  // Something may have been typed before this script was there.
  let proposed = slug.value === "" ? "" : slugOf(title.value);
  const propose = () => {
    if (slug.value !== proposed) return;
    slug.value = proposed = slugOf(title.value);
  };
  title.addEventListener("input", propose);
  propose();
}
