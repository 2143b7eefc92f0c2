// Where things go: dagre, in a worker where there can be one.
import { Graph, layout as dagre } from "@dagrejs/dagre";

/**
 * nodes: [{key, width, height, box}], boxes: [{key, box}], links: [{key, from, to, width}].
 * Gives {width, height, nodes: {key: {x, y}}, boxes: {key: {x, y, width, height}},
 * links: {key: {points, x, y}}}; x and y are of centres.
 */
export function layout({ nodes, boxes, links }) {
  const graph = new Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 24, edgesep: 18, marginx: 24, marginy: 24 });
  for (const { key, width, height } of nodes) graph.setNode(key, { width, height });
  for (const { key } of boxes) graph.setNode(key, {});
  for (const { key, box } of [...boxes, ...nodes]) if (box) graph.setParent(key, box);
  for (const { key, from, to, width } of links) {
    graph.setEdge(from, to, { width, height: width ? 14 : 0, labelpos: "c" }, key);
  }
  dagre(graph);
  return placed(graph, nodes, boxes, links);
}

function placed(graph, nodes, boxes, links) {
  const { width, height } = graph.graph();
  const at = (key) => graph.node(key);
  const centre = ({ key }) => [key, { x: at(key).x, y: at(key).y }];
  const area = ({ key }) => {
    const { x, y, width, height } = at(key);
    return [key, { x, y, width, height }];
  };
  const line = ({ key, from, to }) => {
    const { points, x, y } = graph.edge(from, to, key);
    return [key, { points, x, y }];
  };
  return {
    width, height,
    nodes: Object.fromEntries(nodes.map(centre)),
    boxes: Object.fromEntries(boxes.map(area)),
    links: Object.fromEntries(links.map(line)),
  };
}

/** The worker's side: this same script, started where there is no document. */
export function serve() {
  self.onmessage = ({ data: { id, request } }) => {
    try {
      self.postMessage({ id, result: layout(request) });
    } catch (error) {
      self.postMessage({ id, error: String(error) });
    }
  };
}

/** The page's side: `ask(request)` promises a layout. */
export class Layouter {
  constructor(source) {
    this.waiting = new Map();
    this.asked = 0;
    try {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      this.worker = new Worker(url);
      this.worker.onmessage = ({ data }) => this.answer(data);
      this.worker.onerror = (event) => (event.preventDefault(), this.alone());
    } catch {
      this.worker = null; // such as in a frame that may not start one
    }
  }

  ask(request) {
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { request, resolve, reject });
      if (this.worker) this.worker.postMessage({ id, request });
      else this.alone();
    });
  }

  answer({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(result);
  }

  /** Without a worker: here, once the page has been painted. */
  alone() {
    this.worker = null;
    for (const [id, { request }] of [...this.waiting]) {
      setTimeout(() => {
        if (!this.waiting.has(id)) return;
        try {
          this.answer({ id, result: layout(request) });
        } catch (error) {
          this.answer({ id, error: String(error) });
        }
      });
    }
  }
}
