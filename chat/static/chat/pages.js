import { learn } from "./client/words.js";
import { copyFrom } from "./ui/copy.js";
import { filterRows } from "./ui/filter.js";
import { closeable } from "./ui/menu.js";
import { proposeSlug } from "./ui/slug.js";
import { started } from "./ui/started.js";

const each = (selector, run) => document.querySelectorAll(selector).forEach(run);

each("#client-config", (node) => learn(JSON.parse(node.textContent).words));
each(".account details, details.change", closeable);
each("form[data-filter]", filterRows);
each("form[data-slug]", proposeSlug);
each("button[data-copy]", copyFrom);
started();
