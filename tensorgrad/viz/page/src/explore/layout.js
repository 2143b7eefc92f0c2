// Where things go. Each open group is laid out by itself, with dagre, inner ones first;
// a link that crosses borders goes through a port in each.
import { Graph, layout as dagre } from "@dagrejs/dagre";

const ROOT = "",
  TOP = "top",
  BOTTOM = "bottom";
const HEAD = 30,
  PAD = 16; // pixels inside a box: above, and at the other sides
// Ports hang at the border; what has no input stays near its user.
const LINK = 8,
  PORT = 16,
  LOOSE = 1;

/**
 * nodes: [{key, width, height, box}], boxes: [{key, box}], links: [{key, from, to, width}].
 * Gives {width, height, nodes: {key: {x, y}}, boxes: {key: {x, y, width, height}},
 * links: {key: {points, x, y}}}; x and y are of centres.
 */
export function layout({ nodes, boxes, links }) {
  const plans = new Map([[ROOT, plan()]]);
  const homes = new Map();
  for (const { key } of boxes) plans.set(key, plan());
  for (const item of [...boxes, ...nodes]) {
    homes.set(item.key, item.box ?? ROOT);
    plans.get(item.box ?? ROOT).items.set(item.key, item);
  }
  const routes = links.map((link) => route(link, homes, plans));
  for (const key of innerFirst(boxes, homes)) arrange(key, plans);
  return placed(plans, nodes, boxes, links, routes);
}

function plan() {
  return { items: new Map(), edges: new Map(), ins: new Set(), outs: new Set(), x: 0, y: 0 };
}

/** The boxes around a key, outermost first, then the key. */
function chain(key, homes) {
  const found = [key];
  for (let at = homes.get(key); at !== undefined; at = homes.get(at)) found.unshift(at);
  return found;
}

function innerFirst(boxes, homes) {
  const depths = boxes.map(({ key }) => [chain(key, homes).length, key]);
  return [...depths.sort((a, b) => b[0] - a[0]).map(([, key]) => key), ROOT];
}

/** The edges that a link consists of: out of its boxes, across, and into others. */
function route({ key, from, to, width }, homes, plans) {
  const out = chain(from, homes),
    into = chain(to, homes);
  let shared = 0;
  while (out[shared] === into[shared]) shared += 1;
  const edge = (box, start, end, name, extra = {}) => {
    const { edges } = plans.get(box);
    const id = `${start}|${end}|${name}`;
    if (!edges.has(id)) edges.set(id, { box, id, start, end, width: 0, ...extra });
    return edges.get(id);
  };
  const parts = [];
  for (let i = out.length - 2; i >= shared; i--) {
    plans.get(out[i]).outs.add(`out ${from}`);
    parts.push(edge(out[i], out[i + 1], `out ${from}`, from));
  }
  const direct = into[shared] === to && out[shared] === from;
  // Links from one place into one box are one line until they are inside.
  const name = into[shared] === to && direct ? key : `${from}>${into[shared]}`;
  const across = edge(out[shared - 1], out[shared], into[shared], name, { width, label: key });
  parts.push(across);
  for (let i = shared; i < into.length - 1; i++) {
    plans.get(into[i]).ins.add(`in ${from}`);
    parts.push(edge(into[i], `in ${from}`, into[i + 1], into[i + 1] === to ? key : from));
  }
  return { parts, across, labelled: across.label === key };
}

function arrange(key, plans) {
  const plan = plans.get(key);
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 24, edgesep: 18 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [item, { width, height }] of plan.items) {
    const inner = plans.get(item);
    graph.setNode(
      item,
      inner ? { width: inner.width, height: inner.height } : { width, height },
    );
  }
  for (const port of [...plan.ins, ...plan.outs]) graph.setNode(port, { width: 6, height: 1 });
  for (const { id, start, end, width } of plan.edges.values()) {
    const label = { width, height: width ? 20 : 0, labelpos: "c", weight: LINK };
    graph.setEdge(start, end, label, id);
  }
  hang(graph, plan);
  dagre(graph);
  measure(key, plan, graph);
}

/** Ports go to the borders: entries above everything, exits below. */
function hang(graph, { items, ins, outs }) {
  const ends = graph.nodes();
  const tie = (start, end, weight) =>
    graph.setEdge(start, end, { weight, width: 0, height: 0 }, "tie");
  if (ins.size) {
    const first = ends.filter((item) => items.has(item) && !graph.inEdges(item).length);
    graph.setNode(TOP, { width: 0, height: 0 });
    for (const item of first) tie(TOP, item, LOOSE);
    for (const port of ins) tie(TOP, port, PORT);
  }
  if (outs.size) {
    const last = ends.filter((item) => items.has(item) && !graph.outEdges(item).length);
    graph.setNode(BOTTOM, { width: 0, height: 0 });
    for (const item of last) tie(item, BOTTOM, LOOSE);
    for (const port of outs) tie(port, BOTTOM, PORT);
  }
}

/** The size of what was laid out, and how far it moves to start at the corner. */
function measure(key, plan, graph) {
  const xs = [],
    ys = [];
  for (const item of graph.nodes()) {
    if (item === TOP || item === BOTTOM) continue;
    const { x, y, width, height } = graph.node(item);
    xs.push(x - width / 2, x + width / 2);
    ys.push(y - height / 2, y + height / 2);
  }
  for (const { id, start, end } of plan.edges.values()) {
    const { points, x, width } = graph.edge(start, end, id);
    for (const point of points) xs.push(point.x);
    if (width) xs.push(x - width / 2, x + width / 2);
  }
  const least = (all) => all.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (all) => all.reduce((a, b) => Math.max(a, b), -Infinity);
  const head = key === ROOT ? 24 : HEAD,
    pad = key === ROOT ? 24 : PAD;
  plan.shift = { x: pad - least(xs), y: head - least(ys) };
  plan.width = Math.max(most(xs) - least(xs) + 2 * pad, 80);
  // Below the last node there is room already where lines go out.
  plan.height = most(ys) - least(ys) + head + (plan.outs.size ? 0 : pad);
  plan.graph = graph;
}

function placed(plans, nodes, boxes, links, routes) {
  const within = new Map([...nodes, ...boxes].map(({ key, box }) => [key, box ?? ROOT]));
  const offset = (key) => {
    const plan = plans.get(key);
    if (!plan.origin) {
      const { x, y } = key === ROOT ? { x: 0, y: 0 } : corner(key);
      plan.origin = { x: x + plan.shift.x, y: y + plan.shift.y };
    }
    return plan.origin;
  };
  const centre = (key) => {
    const box = within.get(key);
    const { x, y } = plans.get(box).graph.node(key),
      by = offset(box);
    return { x: x + by.x, y: y + by.y };
  };
  const corner = (key) => {
    const { x, y } = centre(key),
      { width, height } = plans.get(key);
    return { x: x - width / 2, y: y - height / 2 };
  };
  const area = (key) => ({
    ...centre(key),
    width: plans.get(key).width,
    height: plans.get(key).height,
  });
  const { width, height } = plans.get(ROOT);
  const table = (all, entry) => Object.fromEntries(all.map(entry));
  return {
    width,
    height,
    nodes: table(nodes, ({ key }) => [key, centre(key)]),
    boxes: table(boxes, ({ key }) => [key, area(key)]),
    links: table(links, ({ key }, i) => [key, joined(routes[i], plans, offset, area)]),
  };
}

/** The points of a link's parts in a row, straight through the borders. */
function joined({ parts, across, labelled }, plans, offset, area) {
  const moved = (box, { x, y }) => ({ x: x + offset(box).x, y: y + offset(box).y });
  const points = [];
  parts.forEach(({ box, id, start, end }, i) => {
    const { graph } = plans.get(box);
    const own = graph.edge(start, end, id).points.map((point) => moved(box, point));
    const next = parts[i + 1],
      before = parts[i - 1];
    if (before) own.shift();
    if (next) own.pop();
    if (before && start.startsWith("in ")) {
      const { x, y } = moved(box, graph.node(start)),
        { y: middle, height } = area(box);
      points.push({ x, y: middle - height / 2 }, { x, y });
    }
    points.push(...own);
    if (next && end.startsWith("out ")) {
      const { x, y } = moved(box, graph.node(end)),
        { y: middle, height } = area(box);
      points.push({ x, y }, { x, y: middle + height / 2 });
    }
  });
  const { x, y } = plans.get(across.box).graph.edge(across.start, across.end, across.id);
  return {
    points,
    ...(x === undefined || !labelled ? {} : moved(across.box, { x, y })),
    labelled,
  };
}
