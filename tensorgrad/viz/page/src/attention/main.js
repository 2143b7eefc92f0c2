// Where each head looks: small maps of all, one of them large, and its words.
import { button, el, replace } from "../dom.js";
import { plural } from "../numbers.js";
import { legend, onColours } from "../shades.js";
import { start, toggle } from "../shell.js";
import { headName, Kind, layerName } from "./kinds.js";
import { LargeMap } from "./large.js";
import { numbers } from "./numbers.js";
import { SmallMaps } from "./small.js";
import { Words } from "./words.js";

const TITLES = {
  self: "attention",
  encoder: "encoder: the source to itself",
  decoder: "decoder: the target to itself",
  cross: "cross-attention: the target to the source",
};

class Attention {
  constructor(data, page) {
    this.page = page;
    this.kinds = data.kinds.map((kind) => new Kind(kind, data.texts));
    this.layer = this.head = this.token = 0;
    this.hovered = null;
    this.back = false; // who looks at the token, in place of what it looks at
    page.subtitle.textContent = this.about(data);
    this.build();
    this.useKeys(page.keys);
    // the last kind's last layer is the nearest to what a model says
    this.setKind(this.kinds.length - 1);
    this.token = Math.max(0, this.kind.rows.length - 1);
    onColours(() => (this.small.paint(), this.draw()));
    addEventListener("resize", () => (this.large.fill(), this.draw()));
    page.main.dataset.ready = "";
  }

  about({ model, kinds, texts }) {
    const sizes = kinds.map(({ name, layers, weights }) => {
      const what = kinds.length > 1 ? `${name}: ` : "";
      return `${what}${plural(layers.length, "layer")} × ${plural(weights.shape[1], "head")}`;
    });
    const tokens = Object.entries(texts).map(
      ([name, { tokens }]) => `${plural(tokens.length, "token")}${name === "text" ? "" : ` of ${name}`}`,
    );
    return [model, ...sizes, ...tokens].join(" · ");
  }

  build() {
    this.tabs = this.kinds.map((kind, i) =>
      button(TITLES[kind.name] ?? kind.name, null, () => (this.setKind(i), this.draw()), { "aria-pressed": "false" }),
    );
    this.words = new Words(this);
    this.small = new SmallMaps(this);
    this.large = new LargeMap(this);
    this.table = el("section", { class: "numbers", hidden: true, "aria-label": "Numbers" });
    this.turn = toggle("Who looks at it", (on) => ((this.back = on), this.draw()), {
      title: "Who looks at the token, in place of what it looks at (d)",
    });
    this.count = toggle("Numbers", (on) => ((this.table.hidden = !on), this.draw()), {
      title: "The weights of the token as numbers (n)",
    });
    this.heading = el("h2", {});
    const bar = el(
      "div",
      { class: "bar" },
      this.tabs.length > 1 && el("div", { class: "tabs", role: "group", "aria-label": "Which attention" }, this.tabs),
      this.heading,
      el("div", { class: "ends noprint" }, this.turn.press, this.count.press),
    );
    this.page.main.append(
      el("div", { class: "attention" }, bar, this.words.node,
        el("div", { class: "maps" }, el("div", { class: "all" }, this.small.node, legend("weight")), this.large.node),
        this.table),
    );
  }

  useKeys(keys) {
    const by = (name, step) => () => this.move(name, step);
    keys.on(["ArrowLeft", "ArrowRight"], "the head before, the head after; last is their mean");
    keys.on(["ArrowUp", "ArrowDown"], "the layer before, the layer after");
    keys.on([",", "."], "the token before, the token after");
    const moves = { ArrowLeft: ["head", -1], ArrowRight: ["head", 1], ArrowUp: ["layer", -1], ArrowDown: ["layer", 1], ",": ["token", -1], ".": ["token", 1] };
    for (const [key, move] of Object.entries(moves)) keys.actions.set(key, by(...move));
    keys.on(["m"], "the mean over the heads", () => this.choose(this.layer, this.kind.heads));
    keys.on(["d"], "who looks at the token, or what it looks at", () => this.turn.press.click());
    keys.on(["n"], "numbers", () => this.count.press.click());
    if (this.kinds.length > 1) {
      keys.on(["k"], "encoder, decoder, cross-attention", () => {
        this.setKind((this.kinds.indexOf(this.kind) + 1) % this.kinds.length);
        this.draw();
        this.say();
      });
    }
  }

  setKind(i) {
    this.kind = this.kinds[i];
    this.tabs.forEach((tab, j) => tab.setAttribute("aria-pressed", String(i === j)));
    this.layer = Math.min(this.layer, this.kind.layers.length - 1);
    this.head = Math.min(this.head, this.kind.heads);
    this.small.fill();
    this.words.fill();
    this.large.fill();
  }

  move(name, step) {
    const last = { head: this.kind.heads, layer: this.kind.layers.length - 1, token: this.chosen.length - 1 }[name];
    this[name] = Math.min(Math.max(this[name] + step, 0), last);
    this.draw();
    this.say();
  }

  choose(layer, head) {
    Object.assign(this, { layer, head });
    this.draw();
    this.say();
  }

  chooseToken(i) {
    this.token = i;
    this.hovered = null;
    this.draw();
    this.page.say(this.inWords());
  }

  hover(i) {
    this.hovered = i;
    this.drawToken();
  }

  /** The labels that a token is chosen from: of those that look, or are looked at. */
  get chosen() {
    return this.back ? this.kind.columns : this.kind.rows;
  }

  get others() {
    return this.back ? this.kind.rows : this.kind.columns;
  }

  get shown() {
    return Math.min(this.hovered ?? this.token, this.chosen.length - 1);
  }

  /** The weights between the token shown and each of the others. */
  looks(head = this.head) {
    return this.kind.line(this.layer, head, this.shown, this.back);
  }

  draw() {
    this.token = Math.min(this.token, this.chosen.length - 1);
    const { kind, layer, head } = this;
    replace(this.heading, `${layerName(kind, layer)}, ${headName(kind, head)}`);
    this.small.draw();
    this.large.draw();
    this.drawToken();
  }

  drawToken() {
    this.words.draw();
    this.large.mark();
    if (!this.table.hidden) replace(this.table, numbers(this));
  }

  say() {
    this.page.say(`${this.heading.textContent}. ${this.inWords()}`);
  }

  /** What the token looks at most, in a sentence. */
  inWords() {
    return this.words.sentence();
  }
}

start((data, page) => new Attention(data, page));
