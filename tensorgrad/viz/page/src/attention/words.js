// The text, its words shaded by how much the chosen token looks at each.
import { el, replace } from "../dom.js";
import { shadeElement } from "../shades.js";
import { percent, said, tokenRow } from "../tokens.js";

const NOTED = 0.015; // a smaller share is seen, not written

export class Words {
  constructor(page) {
    this.page = page;
    this.says = el("p", { class: "says", "aria-hidden": "true" });
    this.node = el("section", { class: "words", "aria-label": "Text" });
  }

  /** New rows: one for a text that looks at itself, two where it looks at another. */
  fill() {
    const { kind } = this.page;
    const hover = (back) => (i) => this.page.back === back || i === null ? this.page.hover(i) : null;
    const row = (labels, name, back) =>
      tokenRow(labels, { name, choose: (i) => this.choose(i, back), hover: kind.alike ? (i) => this.page.hover(i) : hover(back) });
    const { rows, columns } = kind.names;
    if (kind.alike) {
      this.from = this.to = row(kind.rows, "Tokens: choose one", null);
      return replace(this.node, this.from.node, this.says);
    }
    this.from = row(kind.rows, `Tokens of the ${rows}`, false);
    this.to = row(kind.columns, `Tokens of the ${columns}`, true);
    const titled = (name, { node }) => el("div", { class: "titled" }, el("h3", {}, name), node);
    return replace(this.node, titled(rows, this.from), titled(columns, this.to), this.says);
  }

  choose(i, back) {
    if (back !== null && this.page.back !== back) this.page.turn.set(back);
    this.page.chooseToken(i);
  }

  draw() {
    const { page, from, to } = this;
    const weights = page.looks();
    const [choosing, shaded] = page.back ? [to, from] : [from, to];
    if (choosing !== shaded) {
      choosing.chips.forEach((chip, i) => {
        chip.classList.toggle("plain", true);
        chip.style.backgroundColor = chip.style.color = "";
        choosing.notes[i].textContent = "";
      });
    }
    choosing.set(page.token);
    if (choosing !== shaded) shaded.set(null);
    shaded.chips.forEach((chip, i) => {
      chip.classList.remove("plain");
      shadeElement(chip, weights[i]);
      chip.setAttribute("aria-label", `${i}: ${said(page.others[i])}, ${percent(weights[i])}`);
      shaded.notes[i].textContent = weights[i] >= NOTED ? Math.round(weights[i] * 100) : "";
    });
    this.says.textContent = `${this.sentence()} Below the words: percent.`;
    for (const row of new Set([from, to])) {
      row.chips.forEach((chip, i) => chip.classList.toggle("shown", row === choosing && i === page.shown));
    }
  }

  /** "is looks most at dog, 43 %, cat, 20 %." */
  sentence() {
    const { page } = this;
    const weights = page.looks();
    const order = weights.map((_, i) => i).sort((i, j) => weights[j] - weights[i]);
    const most = order.slice(0, 3).filter((i) => weights[i] > 0);
    const list = most.map((i) => `“${said(page.others[i])}” ${percent(weights[i])}`).join(", ");
    const token = `“${said(page.chosen[page.shown])}”`;
    return page.back ? `${token} is looked at most by ${list}.` : `${token} looks most at ${list}.`;
  }
}
