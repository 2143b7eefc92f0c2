// A formula as the code has it, and with the numbers of a step in it.
import { el } from "../dom.js";
import { numeric, place, ravel, short, sizeOf, tuple, unravel } from "../numbers.js";

const WHOLE = 9; // elements: up to so many, an array is written out
const TERMS = 4; // of a sum, before "…"

/** The formula, its names coloured. */
export function formulaText(formula) {
  return el(
    "code",
    { class: "formula" },
    formula.tokens.map(({ name, text }) => (name ? named(name, name) : text)),
  );
}

/** The words of a formula, those among them that are arrays and settings too. */
export function names({ tokens, code }) {
  const own = tokens.flatMap(({ name }) => name ?? []);
  return new Set(own.length ? own : code.match(/\w+/g));
}

function named(name, text) {
  return el("span", { class: name === "g" ? "is-grad" : "is-value" }, text);
}

/** An array as NumPy would print it, if it is small. */
function written(array) {
  const { shape, data } = array;
  if (!data || data.length > WHOLE) return tuple(shape);
  const nest = (axis, from) => {
    if (axis === shape.length) return short(data[from]);
    const step = sizeOf(shape.slice(axis + 1));
    const parts = Array.from({ length: shape[axis] }, (_, i) =>
      nest(axis + 1, from + i * step),
    );
    return `[${parts.join(", ")}]`;
  };
  return nest(0, 0);
}

/** Where a broadcast array has what belongs to an index of the result; null: nowhere. */
export function broadcast(index, shape) {
  const lead = index.length - shape.length;
  if (lead < 0) return sizeOf(shape) === 1 ? 0 : null;
  const own = shape.map((n, axis) => (n === 1 ? 0 : index[lead + axis]));
  return own.every((i, axis) => i < shape[axis]) ? ravel(own, shape) : null;
}

/** The indices of `raw` that were summed into element `flat` of the value. */
export function sources(flat, rawShape, summed) {
  const kept = rawShape.map((_, axis) => axis).filter((axis) => !summed.includes(axis));
  const rest = unravel(
    flat,
    kept.map((axis) => rawShape[axis]),
  );
  const base = new Array(rawShape.length).fill(0);
  kept.forEach((axis, i) => (base[axis] = rest[i]));
  const sizes = summed.map((axis) => rawShape[axis]);
  return Array.from({ length: sizeOf(sizes) }, (_, i) => {
    const index = [...base];
    unravel(i, sizes).forEach((at, j) => (index[summed[j]] = at));
    return index;
  });
}

/** What of each known array an element needs: {name: flat index}. */
export function needed(model, step, sent, flat) {
  const found = {};
  const shape = (model.array(sent.raw) ?? model.array(sent.value)).shape;
  const indices = sources(flat, shape, sent.raw === null ? [] : sent.summed);
  for (const [name, index] of Object.entries(step.known)) {
    const array = typeof index === "number" ? model.array(index) : null;
    if (array?.data) found[name] = indices.map((at) => broadcast(at, array.shape));
  }
  return found;
}

/** The formula with the numbers of this step, for element `flat` of what is sent. */
export function substituted(model, step, sent, formula, flat) {
  const value = model.array(sent.value);
  if (!value) return null;
  if (!formula.pointwise) return wholeArrays(model, step, formula, value);
  const raw = model.array(sent.raw);
  const bare = formula.tokens.map((_, i) => needsNoBrackets(formula.tokens, i));
  const fill = (index) =>
    el(
      "span",
      { class: "term" },
      formula.tokens.map((token, i) => numberOf(model, step, token, index, bare[i])),
    );
  const total = value?.data
    ? el("b", { class: "is-grad" }, ` = ${short(value.data[flat])}`)
    : null;
  const where =
    value && sizeOf(value.shape) > 1 && value.data
      ? el("span", { class: "soft" }, `  at ${place(flat, value.shape)}`)
      : null;
  if (!raw)
    return el("code", { class: "formula" }, fill(unravel(flat, value.shape)), total, where);
  const all = sources(flat, raw.shape, sent.summed);
  const terms = all.slice(0, TERMS).flatMap((index, i) => [i ? " + " : "", fill(index)]);
  const more =
    all.length > TERMS
      ? el("span", { class: "soft" }, ` + … ${all.length - TERMS} more`)
      : null;
  return el("code", { class: "formula" }, terms, more, total, where);
}

/** Whether a negative number at this place reads right as it is. */
function needsNoBrackets(tokens, i) {
  const before = tokens[i - 1]?.text ?? "(",
    after = tokens[i + 1]?.text ?? ")";
  return /[(,] *$/.test(before) && !/^ *(\*\*|\.|\[)/.test(after);
}

function numberOf(model, step, { name, text }, index, bare) {
  if (text !== undefined) return text;
  const known = step.known[name];
  if (typeof known === "string") return known;
  if (!(name in step.known)) return name;
  const array = model.array(known);
  if (!array) return el("span", { class: "soft", title: `${name} was not kept` }, name);
  const at = broadcast(index, array.shape);
  if (!array.data || at === null) return named(name, name);
  const x = array.data[at];
  return named(name, numeric(x) < 0 && !bare ? `(${short(x)})` : short(x));
}

function wholeArrays(model, step, formula, value) {
  const result = el("b", { class: "is-grad" }, ` = ${written(value)}`);
  // Of several lines, the text alone is known: they stand above already.
  if (!formula.tokens.some(({ name }) => name)) return el("code", { class: "formula" }, result);
  const parts = formula.tokens.map(({ name, text }) => {
    if (text !== undefined) return text;
    const known = step.known[name];
    if (typeof known === "string") return known;
    const array = model.array(known);
    if (!array) return name;
    const small = array.data && array.data.length <= WHOLE;
    return named(name, small ? written(array) : `${name} ${tuple(array.shape)}`);
  });
  return el("code", { class: "formula" }, parts, result);
}
