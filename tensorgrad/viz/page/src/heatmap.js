// Arrays as colours: a pixel per element, or per block of a large array.
import { el, replace } from "./dom.js";
import { numeric, place, short, sizeOf } from "./numbers.js";

const WRAP = 32; // a long vector goes on in the next line
const WIDE = 340,
  TALL = 200; // pixels a heatmap takes, at most
const NEGATIVE = [0, 114, 178],
  POSITIVE = [224, 123, 0],
  BAD = [204, 121, 167];

/** Where element or block number i goes: leading axes are rows, the last is columns. */
export function layout({ shape, data, map }) {
  if (map) return { rows: map.rows, columns: map.columns, block: map.rows };
  const last = shape.at(-1) ?? 1;
  const rows = last ? data.length / last : 0;
  if (shape.length === 1 && last > WRAP) {
    return { rows: Math.ceil(last / WRAP), columns: WRAP, block: Infinity };
  }
  return { rows, columns: last, block: shape.length > 2 ? shape.at(-2) : Infinity };
}

/** The largest size among the numbers that are finite. */
export function largest(data) {
  let most = 0;
  for (const x of data) {
    const size = Math.abs(numeric(x));
    if (Number.isFinite(size) && size > most) most = size;
  }
  return most;
}

/** The element that an arrow key leads to; null for another key. */
export function moved(key, i, columns, count) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (step === undefined) return null;
  const to = i + step;
  return to < 0 || to >= count ? i : to;
}

/** The figure of a larger array; see arrayView for the options. */
export function heatmap(array, { rows, columns }, options, label) {
  const { pick, chosen, checks, marked = [], wide = WIDE } = options;
  const data = array.map?.data ?? array.data;
  if (!data.length) return el("p", { class: "notkept" }, "no elements");
  const canvas = painted(data, rows, columns);
  const size = Math.max(2, Math.min(wide / columns, Math.max(TALL / rows, 4), 20));
  canvas.style.width = `${columns * size}px`;
  canvas.style.height = `${rows * size}px`;
  const heat = el(
    "div",
    { class: "heat", tabindex: 0, role: "group", "aria-label": `${label}: arrows read it` },
    canvas,
  );
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
  pointing(
    heat,
    canvas,
    { rows, columns, count: data.length },
    read,
    pick && array.data ? pick : null,
  );
  heat.addEventListener("pointerleave", () => {
    if (chosen !== undefined && array.data) return read(chosen);
    cursor?.at.remove();
    cursor = null;
    replace(reading, summary(array));
  });
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

const stamps = new WeakMap();

/** An array as a small image: its address, and its columns and rows. */
export function thumbnail(array) {
  if (!stamps.has(array)) {
    const { rows, columns } = layout(array);
    const data = array.map?.data ?? array.data;
    const url = data.length ? painted(data, rows, columns).toDataURL() : null;
    stamps.set(array, url && { url, rows, columns });
  }
  return stamps.get(array);
}
