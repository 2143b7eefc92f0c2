// All places and layers at once: the likeliest token of each, shaded by its chance.
import { el, replace } from "../dom.js";
import { shadeElement } from "../shades.js";
import { percent, plain, said, seen } from "../tokens.js";

export class Overview {
  constructor(page) {
    this.page = page;
    this.cells = [];
    this.node = el("section", { class: "overview", "aria-label": "All places" },
      el("h2", {}, "Every place, every layer"),
      el("p", { class: "soft" }, "The likeliest next token; framed where it is what follows. Choose a column."),
      el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of layers and places" }, this.table()));
  }

  table() {
    const { page } = this;
    this.heads = page.labels.map((label, t) =>
      el("th", { scope: "col", title: `token ${t}` }, el("bdi", {}, seen(label))));
    const rows = [];
    for (let layer = page.layers - 1; layer >= 0; layer--) {
      const cells = page.labels.map((_, t) => {
        const cell = el("td", { onclick: () => page.choose(t) });
        this.cells.push({ cell, layer, t });
        return cell;
      });
      rows.push(el("tr", {}, el("th", { scope: "row" }, page.layerName(layer)), cells));
    }
    this.heads.forEach((th, t) => th.addEventListener("click", () => page.choose(t)));
    const follows = el("tr", { class: "follow" }, el("th", { scope: "row" }, "follows"),
      page.labels.map((_, t) => el("td", {}, page.isLast(t) ? el("span", { class: "soft" }, "?") : el("bdi", {}, seen(page.labels[t + 1])))));
    return el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "after"), this.heads), follows), el("tbody", {}, rows));
  }

  draw() {
    const { page } = this;
    this.heads.forEach((th, t) => th.classList.toggle("chosen", t === page.t));
    for (const { cell, t } of this.cells) cell.classList.toggle("here", t === page.t);
  }

  /** Every cell anew: of another checkpoint, or in other colours. */
  fill() {
    const { page } = this;
    for (const { cell, layer, t } of this.cells) {
      const [token] = page.seen("tokens", layer, t);
      const [chance] = page.seen("chances", layer, t);
      const name = page.name(token);
      replace(cell, el("bdi", {}, seen(name)));
      cell.title = `after ${plain(page.labels[t])}, ${page.layerName(layer)}: ${plain(name)} ${percent(chance)}`;
      cell.setAttribute("aria-label", `${said(name)}, ${percent(chance)}`);
      cell.classList.toggle("right", !page.isLast(t) && token === page.followed(t));
      shadeElement(cell, chance);
    }
  }
}
