// The chosen map, large: who looks down the left, at what along the top.
import { el, replace } from "../dom.js";
import { short } from "../numbers.js";
import { paint } from "../shades.js";
import { plain, seen } from "../tokens.js";

const NARROW = 300, WIDE = 640, BESIDE = 140; // pixels: of the map, of labels and gaps
const LEAST = 3, MOST = 30; // pixels of a cell
const LEGIBLE = 11; // pixels a label needs

export class LargeMap {
  constructor(page) {
    this.page = page;
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.reading = el("p", { class: "reading noprint", "aria-hidden": "true" });
    this.node = el("section", { class: "large", "aria-label": "The chosen head" });
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => (this.page.hover(null), this.read(null)));
    this.canvas.addEventListener("click", (event) => {
      const cell = this.under(event);
      if (cell) this.page.chooseToken(this.page.back ? cell.column : cell.row);
    });
  }

  fill() {
    const { kind } = this.page;
    const [T, S] = [kind.rows.length, kind.columns.length];
    this.cell = Math.max(LEAST, Math.min(MOST, Math.floor(this.room() / Math.max(T, S))));
    this.canvas.style.width = `${S * this.cell}px`;
    this.canvas.style.height = `${T * this.cell}px`;
    this.across = this.labels(kind.columns, "across");
    this.down = this.labels(kind.rows, "down");
    this.row = el("div", { class: "band" });
    const { rows, columns } = kind.names;
    const writing = rows === "target" ? ", as the next one is written," : "";
    const axes = `each token${kind.alike ? "" : ` of the ${rows}`}${writing} looks at ${kind.alike ? "those" : `the ${columns},`} along the top`;
    const board = el("div", { class: "board" }, this.canvas, this.row);
    board.style.width = `${S * this.cell}px`;
    const frame = el("div", { class: "frame" }, el("span", {}), this.across, this.down, board);
    replace(this.node, el("h3", {}, axes), el("div", { class: "scroll" }, frame), this.reading);
  }

  /** Pixels for the map: beside the small ones, or below them. */
  room() {
    const whole = this.page.page.main.clientWidth - BESIDE;
    const beside = whole - this.page.small.node.scrollWidth;
    return Math.min(WIDE, beside < NARROW ? Math.max(whole, NARROW) : beside);
  }

  /** Labels beside the cells; only the chosen one where there is no room for all. */
  labels(labels, side) {
    const node = el("div", { class: `labels ${side}${this.cell < LEGIBLE ? " sparse" : ""}`, "aria-hidden": "true" });
    node.style.setProperty("--cell", `${this.cell}px`);
    labels.forEach((label, i) => {
      const text = el("bdi", { "--i": i, title: plain(label) }, seen(label));
      const chooses = (side === "across") === this.page.back;
      text.addEventListener("click", () => chooses && this.page.chooseToken(i));
      node.append(text);
    });
    return node;
  }

  draw() {
    const { kind, layer, head } = this.page;
    paint(this.canvas, kind.map(layer, head), kind.rows.length, kind.columns.length);
    this.read(null);
  }

  /** The row, or the column, of the token that is shown. */
  mark() {
    const { back, shown } = this.page;
    this.row.className = `band ${back ? "column" : "row"}`;
    this.row.style.setProperty("--from", `${shown * this.cell}px`);
    this.row.style.setProperty("--cell", `${this.cell}px`);
    for (const [node, active] of [[this.across, back], [this.down, !back]]) {
      [...node.children].forEach((text, i) => text.classList.toggle("chosen", active && i === shown));
    }
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect();
    const { kind } = this.page;
    const column = Math.floor(((event.clientX - box.left) / box.width) * kind.columns.length);
    const row = Math.floor(((event.clientY - box.top) / box.height) * kind.rows.length);
    const inside = row >= 0 && row < kind.rows.length && column >= 0 && column < kind.columns.length;
    return inside ? { row, column } : null;
  }

  point(event) {
    const cell = this.under(event);
    if (!cell) return;
    this.page.hover(this.page.back ? cell.column : cell.row);
    this.read(cell);
  }

  read(cell) {
    const { kind, layer, head } = this.page;
    if (!cell) return replace(this.reading, "Point at a cell to read it.");
    const weight = kind.map(layer, head)[cell.row * kind.columns.length + cell.column];
    const [from, to] = [kind.rows[cell.row], kind.columns[cell.column]];
    return replace(this.reading, el("bdi", {}, seen(from)), " looks at ", el("bdi", {}, seen(to)), ` with ${short(weight)}`);
  }
}
