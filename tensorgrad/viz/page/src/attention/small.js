// All heads at once: a row of small maps for each layer, their mean at its end.
import { el, replace } from "../dom.js";
import { paint } from "../shades.js";
import { headName, layerName } from "./kinds.js";

const LEAST = 34, MOST = 88, WIDTH = 620; // pixels: of a map, of all in a row

export class SmallMaps {
  constructor(page) {
    this.page = page;
    this.node = el("section", { class: "small", "aria-label": "All heads" });
  }

  /** New maps, of another kind of attention. */
  fill() {
    const { kind } = this.page;
    const columns = Array.from({ length: kind.heads + 1 }, (_, head) => head);
    this.size = Math.max(LEAST, Math.min(MOST, Math.floor(WIDTH / columns.length) - 8));
    this.maps = kind.layers.map((_, layer) => columns.map((head) => this.map(kind, layer, head)));
    const heads = columns.map((head) => el("th", { scope: "col" }, head < kind.heads ? head : "mean"));
    const rows = kind.layers.map((name, layer) =>
      el("tr", {}, el("th", { scope: "row" }, name), this.maps[layer].map(({ press }) => el("td", {}, press))),
    );
    const corner = el("th", { class: "corner" }, "layer");
    const caption = el("caption", {}, "head");
    replace(this.node, el("table", {}, caption, el("thead", {}, el("tr", {}, corner, heads)), el("tbody", {}, rows)));
    this.paint();
  }

  map(kind, layer, head) {
    const canvas = el("canvas", { "aria-hidden": "true" });
    const [T, S] = [kind.rows.length, kind.columns.length];
    const scale = this.size / Math.max(T, S);
    canvas.style.width = `${Math.max(4, S * scale)}px`;
    canvas.style.height = `${Math.max(4, T * scale)}px`;
    const label = `${layerName(kind, layer)}, ${headName(kind, head)}`;
    const press = el("button", { type: "button", class: "map", title: label, "aria-label": label }, canvas);
    press.addEventListener("click", () => this.page.choose(layer, head));
    return { canvas, press };
  }

  paint() {
    const { kind } = this.page;
    this.maps.forEach((row, l) =>
      row.forEach(({ canvas }, h) => paint(canvas, kind.map(l, h), kind.rows.length, kind.columns.length)),
    );
  }

  draw() {
    const { layer, head } = this.page;
    this.maps.forEach((row, l) =>
      row.forEach(({ press }, h) => {
        const chosen = l === layer && h === head;
        press.setAttribute("aria-pressed", String(chosen));
        press.tabIndex = chosen ? 0 : -1; // arrows lead to the others
      }),
    );
    const press = this.maps[layer][head].press;
    // a map that has the focus gives it to the chosen one
    if (this.node.contains(document.activeElement)) press.focus();
  }
}
