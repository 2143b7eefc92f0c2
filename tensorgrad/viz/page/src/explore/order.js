// Why a node waits for all of its gradient, and what happens if it does not.
import { arrayView } from "../arrays.js";
import { button, el } from "../dom.js";
import { amount } from "./say.js";

/** The section under "Why this order?"; `actions.play(naive)` switches the walk. */
export function orderView(model, walk, at, actions) {
  const naive = walk === model.wrong;
  return el(
    "section", { class: "order", "aria-label": "Why this order?" },
    el("h2", {}, "Why this order?"),
    el("p", {}, "A node used in several places gets a gradient from each of them, and the whole gradient is their sum. What it sends on depends on that sum, so it must wait until every one of its users has had its turn. Visiting the nodes from the loss in sorted order, each after all of its users, makes every node send once, and send the right thing."),
    naive ? naiveView(model, walk, at) : waitedFor(model, walk, at),
    model.wrong.steps.length ? switches(naive, actions) : null,
  );
}

function switches(naive, { play }) {
  return naive
    ? button("Back to the right order", null, () => play(false))
    : button("Play it without the sort", null, () => play(true), { class: "primary" });
}

function waitedFor(model, walk, at) {
  const { vertex } = walk.steps[at];
  const { title } = model.vertices[vertex];
  const arrivals = walk.arrivals[vertex];
  if (!arrivals.length) {
    return el("p", {}, `${title} is where the walk starts: it waits for nothing.`);
  }
  const says = arrivals.length === 1
    ? `Before step ${at + 1}, ${title} waited for one gradient:`
    : `Before step ${at + 1}, ${title} waited for ${arrivals.length.toLocaleString("en")} gradients:`;
  const some = arrivals.slice(0, 8).map(({ at: step, from, value }) =>
    el("li", {}, `${amount(model.array(value))} from ${model.vertices[from].title}, step ${step + 1}`),
  );
  const more = arrivals.length > 8 ? el("li", { class: "soft" }, `and ${arrivals.length - 8} more`) : null;
  return el("div", {}, el("p", {}, says), el("ul", {}, some, more));
}

function naiveView(model, walk, at) {
  const { right, leaves } = model.naive;
  const step = walk.steps[at];
  const last = at === walk.steps.length - 1;
  const lost = walk.steps.slice(0, at + 1).reduce((n, { sent }) => n + sent.filter((one) => one.lost).length, 0);
  const verdict = right
    ? "On this graph even the order without the sort is right: no node was visited before all of its gradient had arrived, since no node that sends on is reached by paths of different lengths."
    : `Gradients lost so far: ${lost}. A node that was visited too early is not visited again, so what arrives later goes no further.`;
  return el(
    "div", { class: "naive" },
    el("p", {}, el("b", {}, "Without the sort. "), "Each node is visited as soon as any gradient reaches it."),
    step.complete ? null : el("p", { class: "early" }, `! ${early(model, walk, at)}`),
    el("p", {}, verdict),
    last || right ? leavesTable(model, leaves) : el("p", { class: "soft" }, "The last step compares the leaves."),
  );
}

function early(model, walk, at) {
  const { vertex } = walk.steps[at];
  const { title } = model.vertices[vertex];
  const late = walk.arrivals[vertex].some((arrival) => arrival.at > at);
  return late
    ? `${title} is visited too early: a part of its gradient is still to come.`
    : `${title} has only a part of its gradient: the rest was lost on the way.`;
}

function leavesTable(model, leaves) {
  const rows = leaves.map(({ vertex, naive, right, agrees }) =>
    el(
      "tr", { class: agrees ? "right" : "wrong" },
      el("th", { scope: "row" }, model.vertices[vertex].title),
      el("td", {}, arrayView(model.array(naive), { wide: 110 })),
      el("td", {}, arrayView(model.array(right), { wide: 110 })),
      el("td", {}, agrees ? "✓ same" : "✗ wrong"),
    ),
  );
  const head = el("tr", {}, ["leaf", "without the sort", "right", ""].map((text) => el("th", { scope: "col" }, text)));
  return el("div", { class: "scroll" }, el("table", { class: "leaves" }, el("thead", {}, head), el("tbody", {}, rows)));
}
