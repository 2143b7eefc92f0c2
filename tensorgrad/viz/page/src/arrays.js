// An array to look at: small ones as a table of numbers, larger ones as a heatmap.
import { el, replace } from "./dom.js";
import { full, numeric, shapeText, short, sizeOf, tuple, unravel } from "./numbers.js";

const TABLE = 8; // rows and columns, at most
const WRAP = 32; // a long vector goes on in the next line
const WIDE = 340, TALL = 200; // pixels a heatmap takes, at most

/**
 * `array` of the data ({shape, data} or {shape, map}) as a figure; null says "not kept".
 *   name     its caption
 *   pick     pick(flat index) makes elements choosable
 *   chosen   the flat index that is chosen
 *   marked   flat indices that belong to the choice
 *   checks   Map of flat index to whether the check agrees
 */
export function arrayView(array, options = {}) {
  if (!array) return missing(options.name);
  const grid = layout(array);
  const small = array.data && grid.rows <= TABLE && grid.columns <= TABLE && sizeOf(array.shape);
  const figure = el("figure", { class: `array${options.pick ? " picks" : ""}` });
  figure.append(caption(array, options.name));
  figure.append(small ? table(array, grid, options) : heatmap(array, grid, options));
  return figure;
}

function missing(name) {
  return el("figure", { class: "array" }, caption(null, name), el("p", { class: "notkept" }, "not kept"));
}

function caption(array, name) {
  const shape = array ? shapeText(array.shape) : "";
  const dtype = array && array.dtype !== "float32" ? ` ${array.dtype}` : "";
  return el("figcaption", {}, name ? el("b", {}, name) : "", ` ${shape}${dtype}`);
}

/** Where element or block number i goes: leading axes are rows, the last is columns. */
function layout({ shape, data, map }) {
  if (map) return { rows: map.rows, columns: map.columns, block: map.rows };
  const last = shape.at(-1) ?? 1;
  const rows = last ? data.length / last : 0;
  if (shape.length === 1 && last > WRAP) {
    return { rows: Math.ceil(last / WRAP), columns: WRAP, block: Infinity };
  }
  return { rows, columns: last, block: shape.length > 2 ? shape.at(-2) : Infinity };
}

/** The largest size among the numbers that are finite. */
function largest(data) {
  let most = 0;
  for (const x of data) {
    const size = Math.abs(numeric(x));
    if (Number.isFinite(size) && size > most) most = size;
  }
  return most;
}

/** An array in words, for those who can't see it. */
export function inWords(array) {
  if (!array) return "not kept";
  if (sizeOf(array.shape) === 1 && array.data) return full(array.data[0]);
  return array.map
    ? `array of shape ${tuple(array.shape)}, mean ${short(array.mean)}, from ${short(array.low)} to ${short(array.high)}`
    : `array of shape ${tuple(array.shape)}`;
}

/** Where an element is: "[1, 2]". */
export function place(flat, shape) {
  return `[${unravel(flat, shape).join(", ")}]`;
}

// --- numbers

function table(array, { rows, columns, block }, { name, pick, chosen, marked = [], checks }) {
  const most = largest(array.data);
  const body = el("tbody");
  for (let row = 0; row < rows; row++) {
    const line = el("tr", { class: row && row % block === 0 ? "gap" : null });
    for (let column = 0; column < columns; column++) {
      line.append(cell(array, row * columns + column, most));
    }
    body.append(line);
  }
  const cells = [...body.querySelectorAll("td")];
  for (const flat of marked) cells[flat]?.classList.add("marked");
  checks?.forEach((agrees, flat) => cells[flat]?.classList.add("checked", agrees ? "right" : "wrong"));
  if (pick) choosable(cells, columns, chosen ?? 0, pick, checks);
  const label = `${name ? `${name}, ` : ""}${inWords(array)}`;
  const role = pick && "grid";
  return el("div", { class: "scroll" }, el("table", { "aria-label": label, role }, body));
}

function cell(array, flat, most) {
  const x = numeric(array.data[flat]);
  const kind = Number.isFinite(x) ? (x < 0 ? "negative" : "positive") : "bad";
  const much = Number.isFinite(x) ? (most ? (Math.abs(x) / most) * 38 : 0) : 60;
  const where = array.shape.length ? `${place(flat, array.shape)} = ` : "";
  const attributes = { class: kind, "--much": `${much.toFixed(1)}%`, title: `${where}${full(x)}` };
  return el("td", attributes, short(x));
}

/** One cell is in the tab order; arrows move it. */
function choosable(cells, columns, chosen, pick, checks) {
  const choose = (flat, focus) => {
    cells.forEach((td, i) => {
      td.tabIndex = i === flat ? 0 : -1;
      td.classList.toggle("chosen", i === flat && cells.length > 1);
      td.setAttribute("aria-selected", String(i === flat));
    });
    if (focus) cells[flat].focus();
  };
  cells.forEach((td, i) => {
    td.setAttribute("role", "gridcell");
    const check = checks?.has(i) ? ", checked" : "";
    td.setAttribute("aria-label", `${td.title}${check}`);
    td.addEventListener("click", () => (choose(i, true), pick(i)));
    td.addEventListener("keydown", (event) => {
      const to = moved(event.key, i, columns, cells.length);
      if (to === null || cells.length === 1) return;
      event.preventDefault();
      if (to !== i) choose(to, true), pick(to);
    });
  });
  choose(Math.min(chosen, cells.length - 1), false);
}

function moved(key, i, columns, count) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (step === undefined) return null;
  const to = i + step;
  return to < 0 || to >= count ? i : to;
}

// --- colours

function heatmap(array, { rows, columns }, { name, pick, chosen, checks, marked = [] }) {
  const data = array.map?.data ?? array.data;
  if (!data.length) return el("p", { class: "notkept" }, "no elements");
  const canvas = painted(data, rows, columns);
  const size = Math.max(2, Math.min(WIDE / columns, Math.max(TALL / rows, 4), 20));
  canvas.style.width = `${columns * size}px`;
  canvas.style.height = `${rows * size}px`;
  const label = `${name ? `${name}, ` : ""}${inWords(array)}: arrows read it`;
  const heat = el("div", { class: "heat", tabindex: 0, role: "group", "aria-label": label }, canvas);
  const reading = el("div", { class: "reading", "aria-live": "polite" }, summary(array));
  const put = (flat, className) => {
    const at = el("div", { class: className });
    at.style.left = `${((flat % columns) / columns) * 100}%`;
    at.style.top = `${(Math.floor(flat / columns) / rows) * 100}%`;
    at.style.width = `${100 / columns}%`;
    at.style.height = `${100 / rows}%`;
    heat.append(at);
    return at;
  };
  if (array.data) {
    checks?.forEach((_, flat) => put(flat, "dot"));
    for (const flat of marked) put(flat, "cursor");
  }
  let cursor = null;
  const read = (flat) => {
    cursor?.at.remove();
    cursor = { flat, at: put(flat, "cursor") };
    replace(reading, meaning(array, flat, rows, columns));
  };
  pointing(heat, canvas, { rows, columns, count: data.length }, read, pick && array.data ? pick : null);
  heat.addEventListener("keydown", (event) => {
    const to = moved(event.key, cursor?.flat ?? 0, columns, data.length);
    if (to === null) return;
    event.preventDefault();
    read(cursor ? to : 0);
    if (pick && array.data) pick(to);
  });
  if (pick && array.data && chosen !== undefined) read(chosen);
  return el("div", {}, heat, reading);
}

function pointing(heat, canvas, { rows, columns, count }, read, pick) {
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const flat = row * columns + column;
    const inside = row >= 0 && row < rows && column >= 0 && column < columns && flat < count;
    return inside ? flat : null;
  };
  heat.addEventListener("pointermove", (event) => {
    const flat = under(event);
    if (flat !== null) read(flat);
  });
  heat.addEventListener("click", (event) => {
    const flat = under(event);
    if (flat !== null && pick) pick(flat);
  });
}

const NEGATIVE = [0, 114, 178], POSITIVE = [224, 123, 0], BAD = [204, 121, 167];

/** A pixel per element: blue below zero, orange above, the paper at zero. */
function painted(data, rows, columns) {
  const canvas = el("canvas", { width: columns, height: rows, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const most = largest(data) || 1;
  data.forEach((raw, i) => {
    const x = numeric(raw);
    const finite = Number.isFinite(x);
    const colour = finite ? (x < 0 ? NEGATIVE : POSITIVE) : BAD;
    image.data.set(colour, i * 4);
    image.data[i * 4 + 3] = finite ? Math.round((Math.abs(x) / most) * 255) : 255;
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

function summary(array) {
  if (!array.map) return `largest size ${short(largest(array.data))}`;
  const bad = array.bad ? ` · ${array.bad.toLocaleString("en")} NaN or infinite` : "";
  return `${short(array.low)} to ${short(array.high)} · mean ${short(array.mean)} · norm ${short(array.norm)}${bad}`;
}

/** What a cell of a heatmap stands for. */
function meaning(array, flat, rows, columns) {
  if (array.data) return `${place(flat, array.shape)} = ${short(array.data[flat])}`;
  const width = array.shape.at(-1) ?? 1;
  const height = sizeOf(array.shape) / width;
  const row = span(Math.floor(flat / columns), rows, height);
  const column = span(flat % columns, columns, width);
  return `rows ${row}, columns ${column}: mean ${short(array.map.data[flat])}`;
}

function span(i, parts, total) {
  const first = Math.floor((i * total) / parts);
  const last = Math.floor(((i + 1) * total) / parts) - 1;
  return last <= first ? String(first) : `${first} to ${last}`;
}
