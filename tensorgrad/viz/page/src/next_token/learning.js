// How it was learnt: a slider over the checkpoints, and a line of the chances.
import { button, el, replace, svg } from "../dom.js";
import { percent, seen } from "../tokens.js";

const WIDTH = 640, HEIGHT = 150, LEFT = 40, RIGHT = 12, TOP = 10, BOTTOM = 22; // pixels
const TOPS = [0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]; // of the chart; rounding may pass 1

export class Learning {
  constructor(page) {
    this.page = page;
    const steps = page.states.map(({ step }) => step);
    this.range = el("input", { type: "range", min: 0, max: steps.length - 1, step: 1, id: "checkpoint" });
    this.range.addEventListener("input", () => page.chooseState(Number(this.range.value)));
    this.range.addEventListener("keydown", (event) => event.key.startsWith("Arrow") && event.stopPropagation());
    this.output = el("output", { for: "checkpoint" });
    this.chart = el("div", { class: "chart" });
    this.says = el("p", { class: "soft" });
    const before = button("The checkpoint before (,)", "‹", () => page.chooseState(page.state - 1));
    const after = button("The checkpoint after (.)", "›", () => page.chooseState(page.state + 1));
    this.node = el("section", { class: "learning", "aria-label": "Checkpoints" },
      el("div", { class: "steps" }, el("label", { for: "checkpoint" }, "Step"), before, this.range, after, this.output), this.says, this.chart);
  }

  /** The chance of what follows at place t, at each checkpoint. */
  chances(t) {
    const last = this.page.layers - 1;
    return this.page.states.map((_, state) => this.page.seen("followed", last, t, state));
  }

  mean() {
    // of the prompt's own tokens; the last place has none that follows
    const places = this.page.labels.slice(1).map((_, t) => this.chances(t));
    return this.page.states.map((_, i) => places.reduce((sum, line) => sum + line[i], 0) / places.length);
  }

  draw() {
    const { page } = this;
    const { step } = page.states[page.state];
    this.range.value = page.state;
    this.range.setAttribute("aria-valuetext", `step ${step}`);
    this.output.textContent = step;
    const here = this.chances(page.t);
    const mean = page.labels.length > 1 ? this.mean() : null;
    replace(this.says,
      el("span", { class: "key here" }), " chance of ", el("bdi", { class: "code" }, seen(page.name(page.followed()))), ` at this place: ${percent(here[page.state])}`,
      mean && [" ", el("span", { class: "key mean" }), ` mean over the prompt: ${percent(mean[page.state])}`]);
    replace(this.chart, this.lines(here, mean));
  }

  lines(here, mean) {
    const { page } = this;
    const count = page.states.length;
    const x = (i) => LEFT + ((WIDTH - LEFT - RIGHT) * i) / (count - 1);
    const most = TOPS.find((top) => top >= Math.max(...here, ...(mean ?? [])));
    const y = (share) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - share / most);
    const line = (shares, name) => svg("path", { class: name, d: shares.map((share, i) => `${i ? "L" : "M"}${x(i)} ${y(share)}`).join("") });
    const levels = [0, most / 2, most].map((share) => [
      svg("line", { class: "level", x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) }),
      svg("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, `${Number((share * 100).toPrecision(3))} %`),
    ]);
    const every = Math.ceil(count / 10);
    const ticks = page.states.map(({ step }, i) =>
      (i % every === 0 || i === count - 1) && svg("text", { x: x(i), y: HEIGHT - 6, "text-anchor": i === count - 1 ? "end" : "middle" }, step));
    const dots = here.map((share, i) =>
      svg("circle", { class: i === page.state ? "chosen" : null, cx: x(i), cy: y(share), r: i === page.state ? 6 : 4, onclick: () => page.chooseState(i) },
        svg("title", {}, `step ${page.states[i].step}: ${share}`)));
    const now = svg("line", { class: "now", x1: x(page.state), x2: x(page.state), y1: TOP, y2: HEIGHT - BOTTOM });
    const label = `The chance of what follows, by step: ${here.map((share, i) => `${page.states[i].step}: ${percent(share)}`).join(", ")}`;
    return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label }, levels.flat(), ticks.filter(Boolean), now,
      mean && line(mean, "mean"), line(here, "here"), dots);
  }
}
