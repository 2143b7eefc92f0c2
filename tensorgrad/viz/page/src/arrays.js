// An array to look at: small ones as a table of numbers, larger ones as a heatmap.
import { el } from "./dom.js";
import { heatmap, largest, layout, moved } from "./heatmap.js";
import { full, numeric, place, shapeText, short, sizeOf, tuple } from "./numbers.js";

export { thumbnail } from "./heatmap.js";

const TABLE = 8; // rows and columns, at most

/**
 * `array` of the data ({shape, data} or {shape, map}) as a figure; null says "not kept".
 *   name     its caption
 *   pick     pick(flat index) makes elements choosable
 *   chosen   the flat index that is chosen
 *   marked   flat indices that belong to the choice
 *   checks   Map of flat index to whether the check agrees
 *   wide     pixels that a heatmap takes, at most
 */
export function arrayView(array, options = {}) {
  if (!array) return missing(options.name);
  const grid = layout(array);
  const small =
    array.data && grid.rows <= TABLE && grid.columns <= TABLE && sizeOf(array.shape);
  const figure = el("figure", { class: `array${options.pick ? " picks" : ""}` });
  figure.append(caption(array, options.name));
  const label = `${options.name ? `${options.name}, ` : ""}${inWords(array)}`;
  figure.append((small ? table : heatmap)(array, grid, options, label));
  return figure;
}

function missing(name) {
  return el(
    "figure",
    { class: "array" },
    caption(null, name),
    el("p", { class: "notkept" }, "not kept"),
  );
}

function caption(array, name) {
  const shape = array ? shapeText(array.shape) : "";
  const dtype = array && array.dtype !== "float32" ? ` ${array.dtype}` : "";
  return el("figcaption", {}, name ? el("b", {}, name) : "", ` ${shape}${dtype}`);
}

/** An array in words, for those who can't see it. */
export function inWords(array) {
  if (!array) return "not kept";
  if (sizeOf(array.shape) === 1 && array.data) return full(array.data[0]);
  return array.map
    ? `array of shape ${tuple(array.shape)}, mean ${short(array.mean)}, from ${short(array.low)} to ${short(array.high)}`
    : `array of shape ${tuple(array.shape)}`;
}

// --- numbers

function table(array, { rows, columns, block }, options, label) {
  const { pick, chosen, marked = [], checks } = options;
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
  checks?.forEach((agrees, flat) =>
    cells[flat]?.classList.add("checked", agrees ? "right" : "wrong"),
  );
  if (pick) choosable(cells, columns, chosen ?? 0, pick, checks);
  const role = pick && "grid";
  return el("div", { class: "scroll" }, el("table", { "aria-label": label, role }, body));
}

function cell(array, flat, most) {
  const x = numeric(array.data[flat]);
  const kind = Number.isFinite(x) ? (x < 0 ? "negative" : "positive") : "bad";
  const much = Number.isFinite(x) ? (most ? (Math.abs(x) / most) * 38 : 0) : 60;
  const where = array.shape.length ? `${place(flat, array.shape)} = ` : "";
  const attributes = {
    class: kind,
    "--much": `${much.toFixed(1)}%`,
    title: `${where}${full(x)}`,
  };
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
      if (to !== i) (choose(to, true), pick(to));
    });
  });
  choose(Math.min(chosen, cells.length - 1), false);
}
