// The graph, the steps and the panel, and what connects them.
import { button, el, replace } from "../dom.js";
import { plural } from "../numbers.js";
import { toggle } from "../shell.js";
import { Drawing } from "./drawing.js";
import { Layouter } from "./layouter.js";
import { Model, SYMBOLS } from "./model.js";
import { orderView } from "./order.js";
import { section, stepView } from "./panel.js";
import { sentence } from "./say.js";
import { Transport } from "./transport.js";
import { countVisible, LIMIT } from "./visible.js";

const READABLE = 0.62; // a view smaller than this follows the steps instead

export class Explorer {
  constructor(data, page, source) {
    this.model = new Model(data);
    this.page = page;
    this.walk = this.model.right;
    this.why = false;
    this.open = new Set();
    for (const group of this.model.groups.values()) if (!group.closed) this.open.add(group.id);
    this.drawing = new Drawing(this.model, new Layouter(source), (item) => this.press(item));
    this.transport = new Transport(page.keys, (at) => this.show(at));
    this.panel = el("article", { class: "panel", tabindex: -1, "aria-label": "The step" });
    this.status = el("p", { class: "status", role: "status" });
    this.order = toggle("Why this order?", (on) => this.explain(on));
    this.build();
    this.transport.over(this.walk.steps.length);
    this.redraw(true);
  }

  build() {
    const { page, model } = this;
    const ops = model.vertices.filter(({ kind }) => kind === "op").length;
    page.subtitle.textContent = `Backward, one step at a time: ${plural(ops, "op")}, ${plural(model.steps.length, "step")}`;
    page.tools.prepend(this.order.press);
    const view = this.drawing.view;
    const tools = el(
      "div",
      { class: "graph-tools noprint" },
      button("Zoom in (+)", "+", () => view.zoom(1.25)),
      button("Zoom out (−)", "−", () => view.zoom(0.8)),
      button("Fit (0)", "Fit", () => view.fit()),
      button("Open all groups", "Open all", () => this.openAll()),
      button("Close all groups", "Close all", () => this.closeAll()),
    );
    const legend = el("ul", { class: "legend" }, this.legend());
    const stage = el(
      "section",
      { class: "stage", "aria-label": "Graph" },
      this.drawing.frame,
      tools,
      legend,
      this.status,
    );
    page.main.className = "explore";
    page.main.append(this.transport.bar, stage, this.panel);
    this.keys();
  }

  legend() {
    const words = {
      waiting: "waiting",
      part: "some has arrived",
      ready: "all has arrived",
      now: "now",
      done: "done",
    };
    const states = Object.entries(words).map(([state, word]) =>
      el("li", {}, el("span", { "aria-hidden": "true" }, SYMBOLS[state]), ` ${word}`),
    );
    states.push(el("li", { class: "naive-only" }, "! visited too early"));
    return [
      ...states,
      el(
        "li",
        {},
        el("b", { class: "is-value" }, "value"),
        "  ",
        el("b", { class: "is-grad" }, "gradient"),
      ),
    ];
  }

  keys() {
    const { keys } = this.page;
    const { view } = this.drawing;
    keys.on(["o"], "open or close the group of the step, or of the node in focus", () =>
      this.fold(),
    );
    keys.on(["+"], "zoom in", () => view.zoom(1.25));
    keys.on(["-"], "zoom out", () => view.zoom(0.8));
    keys.on(["0"], "the whole graph", () => view.fit());
    keys.on(["w"], "why this order?", () => this.order.press.click());
    keys.on(["ArrowUp", "ArrowDown"], "in the graph: the node above or below");
    keys.on(["Enter"], "in the graph: go to its step; open or close a group");
    keys.on(["Tab"], "to the next part of the page");
    keys.actions.set("=", () => view.zoom(1.25));
  }

  // --- steps

  show(at) {
    const { model, walk } = this;
    const said = `Step ${at + 1} of ${walk.steps.length}: ${sentence(model, walk, at)}`;
    const fast = this.transport.playing && Number(this.transport.speed.value) > 1;
    if (!fast) this.page.say(said);
    const actions = { jump: (vertex) => this.jump(vertex), play: (naive) => this.play(naive) };
    const top = this.why ? orderView(model, walk, at, actions) : null;
    const notes = model.notes?.length
      ? section(
          "Notes",
          el(
            "ul",
            { class: "notes" },
            model.notes.map((note) => el("li", {}, note)),
          ),
        )
      : null;
    const inside = this.panel.contains(document.activeElement);
    replace(this.panel, top, stepView(model, walk, at, actions), notes);
    if (inside) this.panel.focus({ preventScroll: true });
    this.panel.classList.toggle("is-naive", walk === model.wrong);
    this.drawing.mark(walk, at);
  }

  jump(vertex) {
    const at = this.walk.stepOf[vertex];
    if (at < 0)
      return this.tell(
        `${this.model.vertices[vertex].title} collects no gradient, so no step visits it.`,
      );
    this.transport.pause();
    this.transport.go(at);
  }

  explain(on) {
    this.why = on;
    if (!on && this.walk === this.model.wrong) this.play(false);
    else this.show(this.transport.index);
    if (on) this.panel.scrollTop = 0;
  }

  /** Switch between the walk as it is and the one without the sort. */
  play(naive) {
    const { vertex } = this.walk.steps[this.transport.index];
    this.walk = naive ? this.model.wrong : this.model.right;
    document.documentElement.classList.toggle("naive-walk", naive);
    this.transport.over(
      this.walk.steps.length,
      naive ? 0 : Math.max(0, this.walk.stepOf[vertex]),
    );
    this.panel.querySelector(".order button")?.focus();
    if (naive) this.transport.toggle();
  }

  // --- groups

  press(item) {
    if (item.vertex !== undefined) this.jump(item.vertex);
    else this.turn(item.group);
  }

  turn(group, focus = true) {
    const open = new Set(this.open);
    if (!open.delete(group.id)) open.add(group.id);
    this.change(open, group, focus);
  }

  /** `o`: the group in focus; else the closed one that hides the step, or the one around it. */
  fold() {
    const focused =
      this.drawing.drawn && document.activeElement?.closest(".graph")
        ? this.drawing.order.find(({ item }) => item.key === this.drawing.focused)?.item
        : null;
    const vertex = focused?.vertex ?? this.walk.steps[this.transport.index].vertex;
    const around = this.model.around(vertex);
    const group =
      focused?.group ?? around.find(({ id }) => !this.open.has(id)) ?? around.at(-1);
    if (group) this.turn(group, Boolean(focused));
    else this.tell("No group is around this node.");
  }

  openAll() {
    this.change(new Set(this.model.groups.keys()), null);
  }

  closeAll() {
    this.change(new Set([this.model.tree.id]), null);
  }

  change(open, group, focus = false) {
    const count = countVisible(this.model, open);
    if (count > LIMIT && count > countVisible(this.model, this.open)) {
      return this.tell(
        `That would draw ${count.toLocaleString("en")} nodes; up to ${LIMIT} can be read. Open some groups only, or close others first.`,
      );
    }
    this.open = open;
    this.redraw(false, group, focus);
  }

  async redraw(first, group = null, focus = false) {
    const held = focus && this.drawing.onScreen(group.id);
    this.tell("Laying out …");
    try {
      if (!(await this.drawing.draw(this.open))) return;
      this.tell("");
    } catch (error) {
      return this.tell(`The graph could not be laid out: ${error.message}`);
    }
    const { view } = this.drawing;
    const fits = first || view.fitted ? view.fit(false, READABLE) : true;
    const follow = held ? !this.drawing.hold(group.id, held) : !fits || !first;
    this.drawing.mark(this.walk, this.transport.index, follow);
    if (group) this.drawing.rove(group.id, focus);
    this.page.main.dataset.ready = "true";
  }

  tell(text) {
    this.status.textContent = text;
    clearTimeout(this.clearing);
    if (text && !text.startsWith("Laying"))
      this.clearing = setTimeout(() => this.tell(""), 8000);
  }
}
