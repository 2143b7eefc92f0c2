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
    if (node.item.group) markGroup(drawing, node, walk, at);
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
  const array = walk.gradient(node.item.vertex, at);
  const incomplete = walk.steps[walk.stepOf[node.item.vertex]]?.complete === false;
  const early = incomplete && (state === "done" || state === "now");
  node.picture.classList.toggle("incomplete", early);
  setState(node, state, array ? `${SAYS[state]}; gradient ${amount(array)}` : SAYS[state]);
  if (state === "done") node.live.mark.textContent = early ? "!" : SYMBOLS.done;
  if (node.shownGradient === array && node.drawnOnce) return;
  node.shownGradient = array;
  node.drawnOnce = true;
  const { grad, picture, spot } = node.live;
  if (grad) grad.textContent = array?.data ? short(array.data[0]) : "";
  if (picture) replace(picture, thumb(array, spot.x, spot.y, "of-grad"));
}

function markGroup({ model, drawn }, node, walk, at) {
  const { group, key } = node.item;
  const { total, done, now } = model.progress(group, walk, at);
  const share = done === total ? "done" : done ? "part" : "waiting";
  const state = now ? "now" : total ? share : "still";
  const says = total ? `${done} of ${total} steps done` : SAYS.still;
  const copy = now ? model.copyOf(group, walk.steps[at].vertex) : null;
  const inside = `the current step is inside${copy ? `, ${copy}` : ""}`;
  const hides = ({ from, to }) => drawn.shown[from] === key && drawn.shown[to] === key;
  const lost = walk.lostBy(at).filter(hides).length;
  const losses = lost ? `✗ ${lost.toLocaleString("en")} lost inside` : null;
  setState(node, state, [says, now && inside, losses].filter(Boolean).join(", "));
  node.picture.classList.toggle("incomplete", lost > 0);
  if (state === "done") node.live.mark.textContent = lost ? "!" : SYMBOLS.done;
  node.live.bar.setAttribute("width", total ? (node.live.room * done) / total : 0);
  if (node.live.size) node.live.size.textContent = losses ?? copy ?? node.face.lines[0];
}

/** Which drawn link a sent gradient takes, or null if a closed group hides it. */
function linkOf(drawn, { from, to, slot }) {
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
  // What is lost stays to be seen.
  for (const sent of new Set([...walk.sent[at], ...walk.lostBy(at)])) {
    const found = linkOf(drawn, sent);
    if (!found) continue;
    found.picture.classList.add("flows");
    const { line, label } = flowing(found, sent, model.array(sent.value), sent.at === at);
    flow.append(line);
    amounts.append(label);
    found.label?.classList?.toggle("hidden", Boolean(label));
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

/** The arrow of a gradient, up against the flow of values, and how much it is. */
function flowing({ points, middle }, { lost }, array, now) {
  const back = [...points].reverse();
  const kind = lost ? "lost" : "sent";
  const line = svg("path", {
    class: `${kind} ${now ? "now" : ""}`,
    d: curve(back),
    "marker-end": `url(#${lost ? "lost" : "flow"}-arrow)`,
  });
  const text = lost ? "✗ lost" : array?.data?.length === 1 ? short(array.data[0]) : "";
  const label = text
    ? svg("text", { class: `${kind}-label`, x: middle.x, y: middle.y + 4 }, text)
    : "";
  return { line, label };
}
