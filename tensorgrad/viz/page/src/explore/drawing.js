// The graph as SVG: laid out when groups open or close, marked at each step.
import { replace, svg } from "../dom.js";
import { shapeText } from "../numbers.js";
import { arrow, curve, onCurve } from "./lines.js";
import { mark } from "./marks.js";
import { groupTitle, measure, nodePicture } from "./nodes.js";
import { named } from "./say.js";
import { View } from "./view.js";
import { visible } from "./visible.js";

const AMOUNT = 46; // pixels that a number beside a line takes

export class Drawing {
  /** `press(item)` is called for a node that is clicked, or entered by key. */
  constructor(model, layouter, press) {
    Object.assign(this, { model, layouter, press });
    this.layer = svg("g", { class: "layer" });
    this.frame = svg(
      "svg",
      {
        class: "graph",
        role: "group",
        "aria-label": "The graph: up and down arrows move through it",
      },
      svg("defs", {}, arrow("arrow"), arrow("flow-arrow"), arrow("lost-arrow")),
      this.layer,
    );
    this.view = new View(this.frame, this.layer);
    this.drawn = null;
    this.focused = null;
    this.turn = 0;
    this.frame.addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
  }

  /** Lay out and draw with these groups open; resolves to false if overtaken. */
  async draw(open) {
    const turn = ++this.turn;
    const seen = visible(this.model, open);
    const faces = new Map(seen.items.map((item) => [item.key, measure(this.model, item)]));
    const nodes = seen.items.map(({ key, box }) => {
      const { width, height } = faces.get(key);
      return { key, box, width: width + 6, height: height + 6 };
    });
    const boxes = seen.boxes.map(({ key, box }) => ({ key, box }));
    const labels = new Map(seen.links.map((link) => [link.key, this.label(link)]));
    const links = seen.links.map(({ key, from, to }) => ({
      key,
      from,
      to,
      width: labels.get(key) ? labels.get(key).length * 6.2 + 6 : AMOUNT,
    }));
    const places = await this.layouter.ask({ nodes, boxes, links });
    if (turn !== this.turn) return false;
    this.put(seen, faces, labels, places);
    return true;
  }

  /** The shape that flows along a link, and how many links it stands for. */
  label({ uses }) {
    const shapes = new Set(
      uses.map(({ start }) => shapeText(this.model.vertices[start].shape)),
    );
    const text = shapes.size === 1 ? [...shapes][0] : "";
    const arrays = new Set(uses.map(({ start }) => start)).size;
    return arrays > 1 ? `${text} (${arrays} arrays)`.trim() : text;
  }

  put(seen, faces, labels, places) {
    const boxes = seen.boxes.map((box) => this.box(box, places.boxes[box.key]));
    const links = seen.links.map((link) =>
      this.link(link, labels.get(link.key), places.links[link.key]),
    );
    const nodes = seen.items.map((item) =>
      this.node(item, faces.get(item.key), places.nodes[item.key]),
    );
    this.drawn = {
      ...seen,
      places,
      nodes: new Map(nodes.map((node) => [node.item.key, node])),
      links: new Map(links.map((link) => [link.key, link])),
      boxes: new Map(boxes.map((box) => [box.item.key, box])),
    };
    const [below, lines, above] = [boxes, links, nodes].map((all) =>
      svg(
        "g",
        {},
        all.map(({ picture }) => picture),
      ),
    );
    const words = [...boxes.map(({ heading }) => heading), ...links.map(({ label }) => label)];
    const shapes = svg("g", {}, words);
    this.flow = svg("g", { class: "flow" });
    this.amounts = svg("g", { class: "flow" });
    replace(this.layer, below, lines, this.flow, shapes, this.amounts, above);
    // The order of reading: down the page, which is the order of the computation.
    this.order = [...boxes, ...nodes].sort(
      (a, b) => a.place.y - b.place.y || a.place.x - b.place.x,
    );
    this.view.size = { width: places.width, height: places.height };
    this.rove(this.focused ?? this.order[0]?.item.key, false);
  }

  box(item, place) {
    const { x, y, width, height } = place;
    const [left, top] = [x - width / 2, y - height / 2];
    const heading = svg(
      "text",
      { class: "heading", x: left + 10, y: top + 18 },
      `− ${groupTitle(item.group)}`,
    );
    const label = `${groupTitle(item.group)}, open group of ${item.group.nodes} nodes: Enter closes it`;
    const picture = svg(
      "g",
      {
        class: `box ${item.group.kind}`,
        role: "button",
        "aria-expanded": "true",
        "aria-label": label,
        tabindex: -1,
      },
      svg("title", {}, "Click to close"),
      svg("rect", { x: left, y: top, width, height, rx: 10 }),
    );
    return this.pressed({ item, picture, heading, place: { x, y: top } });
  }

  node(item, face, place) {
    const picture = svg("g", {
      class: `node ${face.kind}`,
      role: "button",
      tabindex: -1,
      transform: `translate(${place.x} ${place.y})`,
      "aria-expanded": item.group ? "false" : null,
    });
    const { parts, ...live } = nodePicture(item, face);
    const name = item.group
      ? `${groupTitle(item.group)}, closed group of ${item.group.nodes} nodes`
      : named(this.model, item.vertex);
    picture.append(
      svg(
        "title",
        {},
        item.group
          ? `${groupTitle(item.group)}: click to open`
          : this.model.vertices[item.vertex].title,
      ),
      svg("g", { "aria-hidden": "true" }, parts),
    );
    return this.pressed({ item, picture, place, live, name, face });
  }

  pressed(entry) {
    entry.picture.addEventListener("click", () => {
      if (this.view.moved) return;
      this.rove(entry.item.key, true);
      this.press(entry.item);
    });
    return entry;
  }

  link(link, text, { points, x, y, labelled }) {
    const middle = onCurve(points, x === undefined ? points[points.length >> 1] : { x, y });
    const path = svg("path", { class: "line", d: curve(points), "marker-end": "url(#arrow)" });
    const label =
      text && labelled
        ? svg("text", { class: "shape", x: middle.x, y: middle.y + 4 }, text)
        : "";
    const picture = svg("g", { class: "link" }, path);
    return { key: link.key, link, picture, path, label, points, middle };
  }

  /** One node is in the tab order. */
  rove(key, focus) {
    const find = (wanted) => this.order.find(({ item }) => item.key === wanted);
    const entry = find(key) ?? this.order[0];
    if (!entry) return;
    find(this.focused)?.picture.setAttribute("tabindex", "-1");
    entry.picture.setAttribute("tabindex", "0");
    this.focused = entry.item.key;
    if (!focus) return;
    entry.picture.focus({ preventScroll: true });
    this.view.follow(entry.place);
  }

  key(event) {
    const at = this.order?.findIndex(({ item }) => item.key === this.focused);
    if (at === undefined || at < 0) return;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) {
      event.preventDefault();
      this.rove(
        this.order[Math.min(Math.max(at + step, 0), this.order.length - 1)].item.key,
        true,
      );
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.press(this.order[at].item);
    }
  }

  /** The top of an item, in pixels of the window. */
  onScreen(key) {
    const entry = this.order?.find(({ item }) => item.key === key);
    if (!entry) return null;
    const { x, y, scale } = this.view;
    const top = entry.place.y - (entry.face?.height ?? 0) / 2;
    return { x: x + entry.place.x * scale, y: y + top * scale };
  }

  /** Move the view so that an item's top is where it was; false if all is in view. */
  hold(key, { x, y }) {
    const now = this.onScreen(key);
    if (this.view.fitted || !now) return this.view.fitted;
    this.view.x += x - now.x;
    this.view.y += y - now.y;
    this.view.show();
    return true;
  }

  /** On paper the whole drawing is shown, whatever the view was. */
  print(on) {
    const { width, height } = this.view.size;
    if (on) this.frame.setAttribute("viewBox", `0 0 ${width} ${height}`);
    else this.frame.removeAttribute("viewBox");
    this.layer.classList.toggle("printed", on);
  }

  /** Show a step; `follow` moves the view to it. */
  mark(walk, at, follow = true) {
    if (!this.drawn) return;
    mark(this, walk, at);
    const now = this.drawn.nodes.get(this.drawn.shown[walk.steps[at]?.vertex]);
    if (follow && now) this.view.follow(now.place);
  }
}
