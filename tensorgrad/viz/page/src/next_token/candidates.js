// The candidates as a table: their probabilities, then after each setting.
import { button, el, replace } from "../dom.js";
import { percent, plain, seen } from "../tokens.js";

const COLUMNS = [
  ["model", "model", "The model's own probability"],
  ["temperature", "temperature", "After logits / temperature; at 0 the likeliest alone is left"],
  ["top_k", "top-k", "After all but the k likeliest are ruled out"],
  ["top_p", "top-p", "After all but the fewest likeliest with probability p together are ruled out"],
];
const FEW = 12; // rows, unless more are asked for

export class Candidates {
  constructor(page) {
    this.page = page;
    const { grid } = page.data;
    this.rows = FEW;
    this.temperature = slider(this, "temperature", "Temperature", grid.temperatures, grid.temperature);
    this.topK = slider(this, "top_k", "Top-k", grid.top_ks, grid.top_k, (k) => k || "all");
    this.topP = slider(this, "top_p", "Top-p", grid.top_ps, grid.top_p, (p) => (p === 1 ? "1 (all)" : p));
    const reset = button("Settings off", null, () => {
      for (const each of [this.temperature, this.topK, this.topP]) each.set(each.neutral);
      this.draw();
    }, { title: "Temperature 1, all candidates: the model's own probabilities", class: "noprint" });
    this.head = el("h2", {});
    this.left = el("p", { class: "soft", "aria-live": "polite" });
    this.body = el("tbody");
    this.more = button("More candidates", null, () => {
      this.rows = this.rows * 4;
      this.draw();
    });
    this.more.classList.add("noprint");
    this.titles = COLUMNS.map(([, name, says]) => el("th", { scope: "col", title: says }, name));
    const head = el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "rank"), el("th", { scope: "col" }, "token"), this.titles));
    this.node = el("section", { class: "candidates", "aria-label": "Candidates" }, this.head,
      el("div", { class: "sliders" }, this.temperature.node, this.topK.node, this.topP.node, reset),
      this.left, el("div", { class: "scroll" }, el("table", {}, head, this.body)), this.more);
  }

  draw() {
    const { page } = this;
    const place = page.place();
    const stages = place.stages(this.temperature.index(), this.topK.value(), this.topP.value());
    replace(this.head, "What follows ", el("bdi", { class: "code" }, seen(page.labels[page.t])));
    const one = this.temperature.value() === 0;
    const used = [true, this.temperature.value() !== 1, !one && this.topK.value() > 0, !one && this.topP.value() < 1];
    this.titles.forEach((th, i) => th.classList.toggle("unused", !used[i]));
    const shown = Math.min(this.rows, place.tokens.length);
    const most = Math.max(...COLUMNS.map(([name]) => stages[name][0]));
    const rows = Array.from({ length: shown }, (_, i) => this.row(i, place, stages, used, most));
    replace(this.body, rows, this.follower(place, shown));
    this.more.hidden = shown === place.tokens.length;
    this.left.textContent = this.summary(place, stages);
  }

  row(i, place, stages, used, most) {
    const { page } = this;
    const token = place.tokens[i];
    const follows = !page.isLast() && token === page.followed();
    const cells = COLUMNS.map(([name], column) => bar(stages[name][i], most, used[column], column === 3));
    const mark = follows && el("span", { class: "follows", title: "This is what follows in the prompt" }, "◂ follows");
    const out = stages.top_p[i] === 0;
    return el("tr", { class: `${follows ? "chosen" : ""}${out ? " out" : ""}` || null, "data-token": token },
      el("td", { class: "rank" }, i + 1),
      el("th", { scope: "row", title: `token ${token}: ${plain(page.name(token))}` }, el("bdi", {}, seen(page.name(token))), mark),
      cells);
  }

  /** What follows in the prompt, where it is not among the rows. */
  follower(place, shown) {
    const { page } = this;
    const token = page.followed();
    if (page.isLast() || place.tokens.subarray(0, shown).includes(token)) return null;
    const last = page.layers - 1;
    const rank = page.seen("ranks", last);
    const chance = page.seen("followed", last);
    return el("tr", { class: "chosen" }, el("td", { class: "rank" }, rank.toLocaleString("en")),
      el("th", { scope: "row" }, el("bdi", {}, seen(page.name(token))), el("span", { class: "follows" }, "◂ follows")),
      bar(chance, 1, true, false), el("td", { colspan: 3 }));
  }

  summary(place, stages) {
    const all = place.tokens.length + place.beyond;
    if (stages.left === 1) return "One candidate is left: it is always drawn.";
    const of = stages.left === all ? `all ${all.toLocaleString("en")}` : `${stages.left.toLocaleString("en")} of ${all.toLocaleString("en")}`;
    return `Drawn from ${of} candidates, with the probabilities of the last column.`;
  }
}

function bar(share, most, used, last) {
  const width = `${(share / most) * 100}%`;
  const kind = `share${last ? " last" : used ? "" : " unused"}`;
  return el("td", { class: kind, title: String(share) }, el("span", { class: "bar", "--width": width }), el("span", { class: "number" }, percent(share)));
}

/** A slider over a list of values. */
function slider(owner, name, title, values, initial, word = String) {
  const range = el("input", { type: "range", min: 0, max: values.length - 1, step: 1, id: name, "data-values": JSON.stringify(values) });
  const output = el("output", { for: name });
  const set = (value) => {
    range.value = values.indexOf(value);
    show();
  };
  const index = () => Number(range.value);
  const value = () => values[index()];
  const show = () => {
    output.textContent = word(value());
    range.setAttribute("aria-valuetext", word(value()));
  };
  range.addEventListener("input", () => (show(), owner.draw()));
  // arrows move the slider, not the place
  range.addEventListener("keydown", (event) => event.key.startsWith("Arrow") && event.stopPropagation());
  set(initial);
  const neutral = { temperature: 1, top_k: 0, top_p: 1 }[name];
  const node = el("div", { class: "slider" }, el("label", { for: name }, title), output, range);
  return { node, set, index, value, neutral };
}
