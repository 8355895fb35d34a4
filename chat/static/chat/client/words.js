/**
 * Words: what people read, in the page's language. An English sentence is its own name in the catalog; what has no
 * translation stays English. `t`, `later` and `several` take sentences as they stand in the source: there they are found.
 */

const HOLE = /\{(\w+)\}/g;
/** The order of plural forms in a catalog, which has those of its language. */
const FORMS = ["zero", "one", "two", "few", "many", "other"];

let said = new Map();
let heard = [];
let formOf = () => 0;

/**
 * Take a catalog: {language, words, told}. `words` are translations by sentence, those of `several` in the language's
 * plural forms, by the singular; `told` are those of the server's own sentences.
 */
export function learn({ language = "en", words = {}, told: sentences = {} } = {}) {
  said = new Map(Object.entries(words));
  heard = Object.entries(sentences).map(([sentence, translation]) => ({ pattern: patternOf(sentence), translation }));
  const rules = new Intl.PluralRules(language);
  const forms = FORMS.filter((form) => rules.resolvedOptions().pluralCategories.includes(form));
  formOf = (count) => forms.indexOf(rules.select(count));
}

/** Return a sentence in the page's language; `holes` fills its {places}. */
export function t(sentence, holes = {}) {
  return filled(said.get(sentence) ?? sentence, holes);
}

/** Return a sentence as it is: it is named here, and translated by `t` when it is said. */
export function later(sentence) {
  return sentence;
}

/** Return one of two sentences about a number, which is its {count}. */
export function several(count, one, many, holes = {}) {
  const forms = said.get(one);
  const sentence = forms ? (forms[formOf(count)] ?? forms.at(-1)) : count === 1 ? one : many;
  return filled(sentence, { count, ...holes });
}

/** Return the server's own sentence in the page's language; one that is not known as it is. */
export function told(sentence) {
  for (const { pattern, translation } of heard) {
    const found = pattern.exec(sentence);
    if (found) return filled(translation, found.groups ?? {});
  }
  return sentence;
}

function filled(sentence, holes) {
  return sentence.replace(HOLE, (hole, name) => (Object.hasOwn(holes, name) ? String(holes[name]) : hole));
}

/** Some of the server's sentences come without their full stop. */
function patternOf(sentence) {
  const parts = sentence.replace(/\.$/, "").split(HOLE);
  const sources = parts.map((part, place) => (place % 2 ? `(?<${part}>.+?)` : part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")));
  return new RegExp(`^${sources.join("")}\\.?$`, "su");
}
