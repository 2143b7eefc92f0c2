// What a step changes in the drawing: states, gradients, and what flows.
import { replace, svg } from "../dom.js";
import { short } from "../numbers.js";
import { curve } from "./lines.js";
import { SAYS, SYMBOLS } from "./model.js";
import { thumb } from "./nodes.js";
import { amount } from "./say.js";

export function mark(drawing, walk, at) {
  const { model, drawn } = drawing;
  for (const node of drawn.nodes.values()) {
    if (node.item.group) markGroup(model, node, walk, at);
    else markVertex(drawing, node, walk, at);
  }
  const step = walk.steps[at];
  const around = new Set(step ? model.around(step.vertex).map(({ id }) => id) : []);
  for (const [key, box] of drawn.boxes) box.picture.classList.toggle("holds", around.has(key));
  markLinks(drawing, walk, at);
}

function setState(node, state, says) {
  if (node.state !== state) {
    node.picture.classList.remove(`is-${node.state}`);
    node.picture.classList.add(`is-${state}`);
    node.live.mark.textContent = SYMBOLS[state];
    node.state = state;
  }
  node.picture.setAttribute("aria-label", `${node.name}; ${says}`);
  if (state === "now") node.picture.setAttribute("aria-current", "step");
  else node.picture.removeAttribute("aria-current");
}

function markVertex(drawing, node, walk, at) {
  const { model } = drawing;
  const state = walk.state(node.item.vertex, at);
  const index = walk.gradient(node.item.vertex, at);
  const array = model.array(index);
  const incomplete = walk.steps[walk.stepOf[node.item.vertex]]?.complete === false ;
  const early = incomplete && (state === "done" || state === "now");
  node.picture.classList.toggle("incomplete", early);
  setState(node, state, array ? `${SAYS[state]}; gradient ${amount(array)}` : SAYS[state]);
  if (state === "done") node.live.mark.textContent = early ? "!" : SYMBOLS.done;
  if (node.shownGradient === index && node.drawnOnce) return;
  node.shownGradient = index;
  node.drawnOnce = true;
  const { grad, picture, spot } = node.live;
  if (grad) grad.textContent = array?.data ? short(array.data[0]) : "";
  if (picture) replace(picture, thumb(array, spot.x, spot.y, "of-grad"));
}

function markGroup(model, node, walk, at) {
  const { total, done, now } = model.progress(node.item.group, walk, at);
  const state = !total ? "still" : now ? "now" : done === total ? "done" : done ? "part" : "waiting";
  const says = total ? `${done} of ${total} steps done` : SAYS.still;
  setState(node, state, now ? `${says}, the current step is inside` : says);
  node.live.bar.setAttribute("width", total ? (node.live.room * done) / total : 0);
}

/** Which drawn link a sent gradient takes, or null if a closed group hides it. */
function linkOf(drawn, from, { to, slot }) {
  const [start, end] = [drawn.shown[to], drawn.shown[from]];
  const single = drawn.links.get(`${start}>${end}:${slot}`);
  if (single) return single;
  const keys = [`${start}>${end}`, ...[0, 1, 2, 3].map((i) => `${start}>${end}:${i}`)];
  return keys.map((key) => drawn.links.get(key)).find(Boolean) ?? null;
}

function markLinks(drawing, walk, at) {
  const { model, drawn, flow, amounts } = drawing;
  for (const { link, picture, label } of drawn.links.values()) {
    picture.classList.toggle("passed", lastUse(model, link, walk) < at);
    picture.classList.remove("flows");
    label?.classList?.remove("hidden");
  }
  flow.replaceChildren();
  amounts.replaceChildren();
  for (const step of walk === model.wrong ? walk.steps.slice(0, at + 1) : walk.steps.slice(at, at + 1)) {
    const now = step === walk.steps[at];
    step.sent.forEach((sent, i) => {
      if (!now && !sent.lost) return;
      const slot = sent.slot ?? slotOf(model, step, i);
      const found = linkOf(drawn, step.vertex, { to: sent.to, slot });
      if (!found) return;
      found.picture.classList.add("flows");
      const { line, label } = flowing(found, sent, model.array(sent.value), now);
      flow.append(line);
      amounts.append(label);
      found.label?.classList?.toggle("hidden", Boolean(label));
    });
  }
}

/** The step after which no more flows along a link; never, if nothing does. */
function lastUse(model, link, walk) {
  link.last ??= new Map();
  if (!link.last.has(walk)) {
    const flows = link.uses.filter(({ start }) => model.vertices[start].kind !== "input");
    const last = flows.reduce((last, { end }) => Math.max(last, walk.stepOf[end]), -1);
    link.last.set(walk, last < 0 ? Infinity : last);
  }
  return link.last.get(walk);
}

/** The argument that the i-th gradient of a naive step belongs to. */
function slotOf(model, step, i) {
  const { inputs } = model.vertices[step.vertex];
  const { to } = step.sent[i];
  const earlier = step.sent.slice(0, i).filter((sent) => sent.to === to).length;
  const slots = inputs.map((input, slot) => (input === to ? slot : -1)).filter((slot) => slot >= 0);
  return slots[earlier] ?? 0;
}

/** The arrow of a gradient, up against the flow of values, and how much it is. */
function flowing({ points, middle }, { lost }, array, now) {
  const back = [...points].reverse();
  const kind = lost ? "lost" : "sent";
  const line = svg("path", { class: `${kind} ${now ? "now" : ""}`, d: curve(back), "marker-end": `url(#${lost ? "lost" : "flow"}-arrow)` });
  const text = lost ? "✗ lost" : array?.data?.length === 1 ? short(array.data[0]) : "";
  const label = text ? svg("text", { class: `${kind}-label`, x: middle.x, y: middle.y + 4 }, text) : "";
  return { line, label };
}
