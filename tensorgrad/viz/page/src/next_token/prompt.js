// The prompt, a place of which is chosen; each token shaded by how it was expected.
import { el, replace } from "../dom.js";
import { shadeElement } from "../shades.js";
import { percent, said, seen, tokenRow } from "../tokens.js";

export class Prompt {
  constructor(page) {
    this.page = page;
    const choose = (t) => page.choose(t);
    this.row = tokenRow(page.labels, { name: "Prompt: choose a place", choose });
    this.says = el("p", { class: "soft" });
    this.node = el("section", { class: "prompt", "aria-label": "Prompt" },
      page.data.source && this.source(page.data.source), this.row.node, this.says);
  }

  source({ labels }) {
    const { node } = tokenRow(labels, { name: "Source" });
    return el("div", { class: "source" }, el("h3", {}, "source"), node, el("h3", {}, "target"));
  }

  /** How likely the model held token t, before it was there. */
  expected(t) {
    return t === 0 ? null : this.page.seen("followed", this.page.layers - 1, t - 1);
  }

  draw() {
    const { page } = this;
    this.row.set(page.t);
    this.row.chips.forEach((chip, t) => {
      const chance = this.expected(t);
      chip.classList.toggle("shown", t === page.t);
      if (chance !== null) shadeElement(chip, chance);
      const held = chance === null ? "" : `, expected with ${percent(chance)}`;
      chip.setAttribute("aria-label", `${t}: ${said(page.labels[t])}${held}`);
      this.row.notes[t].textContent = chance === null ? "" : Math.round(chance * 100);
    });
    replace(this.says, "After ", el("bdi", { class: "code" }, seen(page.labels[page.t])), ` (token ${page.t}). `,
      "Below each token of the prompt: with how many percent it was expected.");
  }
}
