// Each step in one sentence.
import { plural, short, sizeOf } from "../numbers.js";

/** An array in a sentence: a number, or "a 3 × 2 gradient". */
export function amount(array) {
  if (!array) return "a gradient";
  if (array.data && sizeOf(array.shape) === 1) return short(array.data[0]);
  if (array.shape.length < 2) return `a gradient of ${plural(sizeOf(array.shape), "number")}`;
  return `a ${array.shape.join(" × ")} gradient`;
}

function listed(parts) {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

function sends(model, sent) {
  const seen = new Set();
  return listed(
    sent.map(({ to, value, lost }) => {
      const again = seen.has(to) ? " again" : "";
      seen.add(to);
      const whither = `${amount(model.array(value))} to ${model.vertices[to].title}${again}`;
      return lost ? `${whither} (lost: it has been passed)` : whither;
    }),
  );
}

/** What happens at a step, without its number. */
export function sentence(model, walk, at) {
  const step = walk.steps[at];
  const { title, kind } = model.vertices[step.vertex];
  const g = amount(model.array(step.g));
  if (kind === "leaf" && !step.sent.length) return leaf(model, step, title, g);
  const start = at === 0 ? `The walk starts at ${title}, whose gradient is ${g}. It` : title;
  if (!step.sent.length) return `${start} sends nothing: no input of it collects a gradient.`;
  const early = step.complete === false ? ", visited with a part of its gradient only," : "";
  return `${start}${early} sends ${sends(model, step.sent)}.`;
}

function leaf(model, { grad, complete }, title, g) {
  if (complete === false) return `${title} is visited with ${g}, only a part of its gradient.`;
  if (!grad) return `${title} has collected ${g}.`;
  if (grad.before === null)
    return `${title} has collected all of its gradient: its .grad is now ${g}.`;
  const [before, after] = [grad.before, grad.after].map((index) => amount(model.array(index)));
  return `${title} has collected ${g}: its .grad goes from ${before} to ${after}.`;
}

/** A vertex for a screen reader. */
export function named(model, vertex) {
  const { title, kind, shape, value } = model.vertices[vertex];
  const array = model.array(value);
  const single = array?.data?.length === 1 ? `, value ${short(array.data[0])}` : "";
  const what = { op: "op", leaf: "leaf", input: "input" }[kind];
  const size = shape?.length ? `, shape ${shape.join(" by ")}` : "";
  return `${title}, ${what}${size}${single}`;
}
