// Why a node waits for all of its gradient, and what happens if it does not.
import { arrayView } from "../arrays.js";
import { button, el } from "../dom.js";
import { plural } from "../numbers.js";
import { groupTitle } from "./nodes.js";
import { amount } from "./say.js";

const LEAVES = 12; // rows of the table, at most

/** The section under "Why this order?"; `actions.play(naive)` switches the walk. */
export function orderView(model, walk, at, actions) {
  const naive = walk === model.wrong;
  return el(
    "section",
    { class: "order", "aria-label": "Why this order?" },
    el("h2", {}, "Why this order?"),
    el(
      "p",
      {},
      "A node used in several places gets a gradient from each of them, and the whole gradient is their sum. What it sends on depends on that sum, so it must wait until every one of its users has had its turn. Visiting the nodes from the loss in sorted order, each after all of its users, makes every node send once, and send the right thing.",
    ),
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
  const says =
    arrivals.length === 1
      ? `Before step ${at + 1}, ${title} waited for one gradient:`
      : `Before step ${at + 1}, ${title} waited for ${arrivals.length.toLocaleString("en")} gradients:`;
  const some = arrivals
    .slice(0, 8)
    .map(({ at: step, from, value }) =>
      el(
        "li",
        {},
        `${amount(model.array(value))} from ${model.vertices[from].title}, step ${step + 1}`,
      ),
    );
  const more =
    arrivals.length > 8 ? el("li", { class: "soft" }, `and ${arrivals.length - 8} more`) : null;
  return el("div", {}, el("p", {}, says), el("ul", {}, some, more));
}

function naiveView(model, walk, at) {
  const { right, leaves } = model.naive;
  const step = walk.steps[at];
  const last = at === walk.steps.length - 1;
  const lost = walk.lostBy(at).length;
  const verdict = right
    ? "On this graph even that gives the right gradients: every op happened to have all of its gradient when its turn came. It is the shape's doing: where paths from a node to the loss differ in length, a turn can come too early."
    : `Gradients lost so far: ${lost}. A node that was visited too early is not visited again, so what arrives later goes no further.`;
  return el(
    "div",
    { class: "naive" },
    el(
      "p",
      {},
      el("b", {}, "Without the sort. "),
      `Of the nodes that a gradient has reached, ${model.naive.rule ?? "the one that was reached first"} is next, whether or not more is on its way.`,
    ),
    step.complete ? null : el("p", { class: "early" }, `! ${early(model, walk, at)}`),
    el("p", {}, verdict),
    last || right
      ? leavesTable(model, leaves)
      : el("p", { class: "soft" }, "The last step compares the leaves."),
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

/** The leaves, wrong ones first, with what each walk gave them. */
function leavesTable(model, leaves) {
  const sorted = [...leaves].sort((a, b) => a.agrees - b.agrees);
  const wrong = leaves.filter(({ agrees }) => !agrees).length;
  const titles = ["leaf", "without the sort", "right", ""];
  const head = titles.map((text) => el("th", { scope: "col" }, text));
  const rows = sorted.slice(0, LEAVES).map((leaf) => leafRow(model, leaf));
  const total = `${wrong} of ${plural(leaves.length, "leaf", "leaves")} wrong`;
  return el(
    "div",
    { class: "scroll" },
    el("p", {}, leaves.length > LEAVES ? `${total}; the first ${LEAVES}:` : `${total}:`),
    el(
      "table",
      { class: "leaves" },
      el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows),
    ),
  );
}

function leafRow(model, { vertex, naive, right, agrees }) {
  const around = model.around(vertex).slice(-2).map(groupTitle).join(" › ");
  const picture = (index) => el("td", {}, arrayView(model.array(index), { wide: 110 }));
  return el(
    "tr",
    { class: agrees ? "right" : "wrong" },
    el(
      "th",
      { scope: "row" },
      model.vertices[vertex].title,
      el("div", { class: "soft" }, around),
    ),
    picture(naive),
    picture(right),
    el("td", {}, agrees ? "✓ same" : "✗ wrong"),
  );
}
