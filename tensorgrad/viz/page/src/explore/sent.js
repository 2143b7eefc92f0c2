// What a step sends to one of its inputs: formula, numbers, sum, accumulation, check.
import { arrayView } from "../arrays.js";
import { el, replace } from "../dom.js";
import { sizeOf } from "../numbers.js";
import { checked, checkView } from "./check.js";
import { formulaText, substituted } from "./formula.js";

let checksOpen = true; // as the reader left it, from step to step
const NARROW = 132,
  MEDIUM = 170; // pixels of a heatmap beside others

/** One card; `jump(vertex)` goes to the parent's step, `chose(flat)` hears of choices. */
export function sentView(model, step, sent, { jump, chose }) {
  const vertex = model.vertices[step.vertex];
  const parent = model.vertices[sent.to];
  const formula = model.ops[vertex.op]?.formulas[sent.formula];
  const name = vertex.arguments[sent.slot] ?? sent.formula;
  const value = model.array(sent.value);
  const numbers = el("div", { class: "numbers" });
  const check = el("div", {});
  const arrays = el("div", {});
  let chosen = sent.checks?.[0]?.index ?? 0;

  const tell = () => {
    if (formula) replace(numbers, substituted(model, step, sent, formula, chosen));
    const whole = `sum(g * ${vertex.title})`;
    replace(
      check,
      checkView(sent.checks, chosen, value?.shape ?? [], { what: name, whole, pick: choose }),
    );
    chose(chosen);
  };
  const pick = (flat) => {
    chosen = flat;
    tell();
  };
  const choose = (flat) => {
    pick(flat);
    draw();
    arrays.querySelector("[aria-selected=true], .heat")?.focus();
  };
  const draw = () => replace(arrays, path(model, sent, name, { pick, chosen }));

  draw();
  tell();
  const to = el(
    "button",
    { type: "button", class: "name", onclick: () => jump(sent.to) },
    parent.title,
  );
  const several = vertex.inputs.length > 1;
  const slot =
    several && name !== parent.title
      ? el("span", { class: "soft" }, ` (argument ${name})`)
      : null;
  return el(
    "section",
    { class: "card" },
    el("h3", {}, "to ", to, slot),
    formula
      ? el("div", { class: "as-code" }, formulaText(formula))
      : el(
          "p",
          { class: "soft" },
          vertex.op === "pick"
            ? "The gradient goes to the place of this output."
            : "There is no formula to show.",
        ),
    numbers,
    arrays,
    el(
      "details",
      { open: checksOpen, ontoggle: ({ target }) => (checksOpen = target.open) },
      el("summary", {}, "Checked by a finite difference"),
      check,
    ),
  );
}

/** In the walk without the sort: what is sent, and whether it is lost. */
export function naiveSentView(model, { to, value, lost }, { jump }) {
  const parent = el(
    "button",
    { type: "button", class: "name", onclick: () => jump(to) },
    model.vertices[to].title,
  );
  const says = lost
    ? el(
        "p",
        { class: "early" },
        "✗ Lost: this node has been visited already, and will not be again.",
      )
    : null;
  return el(
    "section",
    { class: "card" },
    el("h3", {}, "to ", parent),
    arrayView(model.array(value), { name: "sent", wide: MEDIUM }),
    says,
  );
}

/** raw, summed, added to what was there. */
function path(model, sent, name, { pick, chosen }) {
  const value = model.array(sent.value);
  const raw = model.array(sent.raw);
  const checks = checked(sent.checks);
  const several = sent.arrivals > 1;
  const wide = several ? NARROW : raw ? MEDIUM : undefined;
  const picked = arrayView(value, { name: `for ${name}`, pick, chosen, checks, wide });
  const rows = [];
  if (sent.summed?.length) {
    const before = arrayView(raw, {
      name: "formula gives",
      wide: raw && sizeOf(raw.shape) > 1 ? MEDIUM : undefined,
    });
    rows.push(el("div", { class: "row" }, before, summing(sent.summed, raw), picked));
  }
  if (!several) return rows.length ? rows : picked;
  const added = rows.length ? arrayView(value, { name: "this", wide: NARROW }) : picked;
  rows.push(
    el("p", { class: "arrival" }, arrival(sent)),
    sent.before === null
      ? el("div", { class: "row" }, added)
      : el(
          "div",
          { class: "row" },
          arrayView(model.array(sent.before), { name: "before", wide: NARROW }),
          sign("+", "plus"),
          added,
          sign("=", "equals"),
          arrayView(model.array(sent.after), { name: "after", wide: NARROW }),
        ),
  );
  return rows;
}

function arrival({ arrival, arrivals, before }) {
  const which = `Arrival ${arrival} of ${arrivals}: `;
  if (before !== null) return `${which}it is added to what was there.`;
  // Of an op with several outputs, each has a place of its own.
  const first =
    arrival === 1 ? "nothing was there yet, so this is kept." : "for another output.";
  return which + first;
}

function sign(mark, label) {
  return el("span", { class: "sign", role: "img", "aria-label": label }, mark);
}

function summing(axes, raw) {
  const which = axes.length === 1 ? `axis ${axes[0]}` : `axes ${axes.join(", ")}`;
  const sizes = raw ? axes.map((axis) => raw.shape[axis]).join(" × ") : "";
  return el(
    "span",
    { class: "summing" },
    el("span", { class: "sigma", "aria-hidden": "true" }, "Σ"),
    el("span", {}, `sum over ${which}`),
    el("span", { class: "soft" }, sizes ? `${sizes} → 1` : ""),
    el("span", { class: "to", "aria-hidden": "true" }, "⟶"),
  );
}
