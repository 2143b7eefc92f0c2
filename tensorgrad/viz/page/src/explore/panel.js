// All about one step: the op, the line of the program, what arrives and what is sent.
import { arrayView } from "../arrays.js";
import { add, el, replace } from "../dom.js";
import { plural } from "../numbers.js";
import { checked, checkView } from "./check.js";
import { names, needed } from "./formula.js";
import { naiveSentView, sentView } from "./sent.js";
import { groupTitle } from "./nodes.js";
import { sentence } from "./say.js";

/** `actions.jump(vertex)` goes to the step of a vertex. */
export function stepView(model, walk, at, actions) {
  const step = walk.steps[at];
  const vertex = model.vertices[step.vertex];
  const op = model.ops[vertex.op];
  const lead = el(
    "div",
    { class: "lead" },
    el("p", { class: "soft" }, `Step ${at + 1} of ${walk.steps.length.toLocaleString("en")}`),
    el("h2", {}, sentence(model, walk, at)),
  );
  return [
    lead,
    whereView(model, step.vertex),
    opView(vertex, op),
    programView(vertex),
    ...numbersView(model, step, actions),
  ];
}

function whereView(model, vertex) {
  const names = model.around(vertex).map((group) => {
    const copy = model.copyOf(group, vertex);
    return copy ? `${groupTitle(group)} (${copy})` : groupTitle(group);
  });
  return names.length ? el("p", { class: "soft path" }, `in ${names.join(" › ")}`) : null;
}

function opView(vertex, op) {
  const details = vertex.details.length
    ? el("span", { class: "soft" }, ` ${vertex.details.join(", ")}`)
    : null;
  if (!op) {
    const what =
      vertex.kind === "leaf"
        ? "A leaf: gradients end here, and are added to its .grad."
        : "An input that collects no gradient.";
    return el("p", { class: "op" }, what, details);
  }
  return el(
    "div",
    { class: "op" },
    el("p", {}, el("b", {}, vertex.op), details, " ", el("span", {}, op.doc)),
    op.smooth && op.smooth !== "everywhere"
      ? el(
          "p",
          { class: "soft" },
          `Smooth: ${[op.smooth, op.kinks].filter(Boolean).join("; ")}`,
        )
      : null,
    op.where ? el("p", { class: "soft source" }, el("code", {}, op.where)) : null,
  );
}

function programView({ lines }) {
  if (!lines.length) return null;
  // The innermost line of the user's own; of a library's, where there is none.
  const first = lines.find(({ library }) => !library) ?? lines[0];
  const others = lines.filter((line) => line !== first);
  const line = ({ file, number, code }) => [
    el(
      "span",
      { class: "soft at", title: file },
      `${file.split(/[\\/]/).slice(-2).join("/")}:${number}`,
    ),
    el("pre", {}, code),
  ];
  return el(
    "div",
    { class: "program" },
    el("h3", {}, "In your program"),
    line(first),
    others.length
      ? el(
          "details",
          {},
          el("summary", {}, `all ${lines.length} lines that ran, the op's call first`),
          lines.map(line),
        )
      : null,
  );
}

/** The arrays of a step; choosing an element marks what it is made of. */
function numbersView(model, step, actions) {
  const arriving = el("div", {});
  const known = el("div", { class: "row wrap" });
  const g = model.array(step.g);
  const others = Object.entries(step.known ?? {}).filter(
    ([name]) => name !== "g" && used(model, step, name),
  );
  const draw = (marks = {}) => {
    replace(arriving, arrayView(g, { name: "g", marked: marks.g }));
    replace(
      known,
      others.map(([name, index]) =>
        knownView(model, called(model, step, name), index, marks[name]),
      ),
    );
  };
  draw();
  const chose = (sent) => (flat) => {
    const formula = model.ops[model.vertices[step.vertex].op]?.formulas[sent.formula];
    const value = model.array(sent.value);
    if (formula?.pointwise && value?.data) draw(marksOf(model, step, sent, flat));
  };
  const cards = step.sent.map((sent) =>
    sent.lost !== undefined
      ? naiveSentView(model, sent, actions)
      : sentView(model, step, sent, { ...actions, chose: chose(sent) }),
  );
  const parts = [section("The gradient that arrives", arriving)];
  if (others.length && cards.length) parts.push(section("What the formulas use", known));
  parts.splice(0, 2, el("div", { class: "pair" }, parts.slice(0, 2)));
  if (cards.length) parts.push(section("What it sends", cards));
  if (step.grad) parts.push(gradView(model, step));
  return parts;
}

/** Whether a formula of this step has the name in it. */
function used(model, step, name) {
  const formulas = model.ops[model.vertices[step.vertex].op]?.formulas ?? {};
  return step.sent.some(
    ({ formula }) => formulas[formula] && names(formulas[formula]).has(name),
  );
}

function marksOf(model, step, sent, flat) {
  const needs = needed(model, step, sent, flat);
  const several = Object.entries(needs).map(([name, at]) => {
    const array = model.array(step.known[name]);
    return [name, array.data.length > 1 ? [...new Set(at)].filter((i) => i !== null) : []];
  });
  return Object.fromEntries(several);
}

/** The op's name for an array, and whose it is. */
function called(model, { vertex }, name) {
  const { inputs, arguments: names } = model.vertices[vertex];
  const input = inputs[names.indexOf(name)];
  const title = name === "out" ? "its result" : model.vertices[input ?? -1]?.title;
  return title && title !== name ? `${name} = ${title}` : name;
}

function knownView(model, name, index, marked) {
  if (typeof index === "string") {
    return el(
      "figure",
      { class: "array" },
      el("figcaption", {}, el("b", {}, name)),
      el("code", {}, index),
    );
  }
  return arrayView(model.array(index), { name, marked, wide: 150 });
}

function gradView(model, { grad, checks, vertex }) {
  const { title } = model.vertices[vertex];
  const after = model.array(grad.after);
  const check = el("div", {});
  const flow = el("div", { class: "row" });
  let chosen = checks?.[0]?.index ?? 0;
  const pick = (flat) => {
    chosen = flat;
    if (checks)
      replace(
        check,
        checkView(checks, flat, after?.shape ?? [], {
          what: title,
          whole: "the loss",
          pick: choose,
        }),
      );
  };
  const choose = (flat) => (pick(flat), draw());
  const draw = () => {
    const before =
      grad.before === null
        ? el("p", { class: "notkept" }, "before: none")
        : arrayView(model.array(grad.before), { name: "before", wide: 150 });
    const options = checks ? { pick, chosen, checks: checked(checks) } : {};
    replace(
      flow,
      before,
      el("span", { class: "sign", "aria-hidden": "true" }, "→"),
      arrayView(after, { name: "after", wide: 190, ...options }),
    );
  };
  choose(chosen);
  return section(`${title}.grad`, flow, check);
}

export function section(title, ...children) {
  return add(el("section", { class: "part" }, el("h3", {}, title)), children);
}
