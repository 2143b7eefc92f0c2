// The weights of one token as numbers: a row for each other token, a column per head.
import { el } from "../dom.js";
import { full, short } from "../numbers.js";
import { shadeElement } from "../shades.js";
import { plain, seen } from "../tokens.js";

export function numbers(page) {
  const { kind } = page;
  const heads = Array.from({ length: kind.heads + 1 }, (_, head) => head);
  const lines = heads.map((head) => page.looks(head));
  const titles = heads.map((head) =>
    el("th", { scope: "col", class: head === page.head ? "chosen" : null }, head < kind.heads ? `head ${head}` : "mean"),
  );
  const rows = page.others.map((label, i) =>
    el("tr", {}, el("th", { scope: "row" }, el("span", { class: "soft" }, `${i} `), el("bdi", {}, seen(label))), lines.map((line) => cell(line[i]))),
  );
  const token = plain(page.chosen[page.shown]);
  const layer = `layer ${kind.layers[page.layer]}`;
  const caption = page.back ? `How much each token looks at ${token}, in ${layer}` : `How much ${token} looks at each token, in ${layer}`;
  return el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of weights" },
    el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "token"), titles)), el("tbody", {}, rows)));
}

function cell(weight) {
  const td = el("td", { title: full(weight) }, short(weight));
  shadeElement(td, weight);
  return td;
}
