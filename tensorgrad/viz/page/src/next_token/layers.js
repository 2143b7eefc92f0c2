// What each layer alone would say at the chosen place: the logit lens.
import { el, replace } from "../dom.js";
import { shadeElement } from "../shades.js";
import { percent, plain, seen } from "../tokens.js";

const SHOWN = 5; // tokens of each layer

export class Layers {
  constructor(page) {
    this.page = page;
    this.body = el("tbody");
    this.last = el("th", { scope: "col" });
    const head = el("tr", {}, el("th", { scope: "col" }, "after"), el("th", { scope: "col", colspan: SHOWN }, "would say, likeliest first"), this.last);
    this.node = el("section", { class: "layers", "aria-label": "Layers" },
      el("h2", {}, "What each layer alone would say"),
      el("p", { class: "soft" }, "Its output, read as if it were the last's (the logit lens). Last is on top: it is what the model says."),
      el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), this.body)));
  }

  draw() {
    const { page } = this;
    const token = page.followed();
    replace(this.last, page.isLast() ? "chance of " : "what follows: ", el("bdi", {}, seen(page.name(token))));
    const rows = [];
    for (let layer = page.layers - 1; layer >= 0; layer--) rows.push(this.row(layer, token));
    replace(this.body, rows);
  }

  row(layer, token) {
    const { page } = this;
    const chances = page.seen("chances", layer);
    const said = [...page.seen("tokens", layer)].slice(0, SHOWN).map((each, i) => {
      const name = page.name(each);
      const cell = el("td", { class: each === token ? "says chosen" : "says", title: `${plain(name)}: ${chances[i]}` },
        el("bdi", {}, seen(name)), el("span", { class: "small" }, percent(chances[i])));
      shadeElement(cell, chances[i]);
      return cell;
    });
    const chance = page.seen("followed", layer);
    const rank = page.seen("ranks", layer).toLocaleString("en");
    return el("tr", {}, el("th", { scope: "row" }, page.layerName(layer)), said,
      el("td", { class: "share", title: String(chance) }, el("span", { class: "bar", "--width": `${chance * 100}%` }),
        el("span", { class: "number" }, percent(chance)), el("span", { class: "small soft" }, ` rank ${rank}`)));
  }
}
