// The drawing of one item: what it is, its value and its gradient.
import { svg } from "../dom.js";
import { plural, short, sizeOf } from "../numbers.js";
import { thumbnail } from "../arrays.js";

const TITLE = '600 14px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const SMALL = '12px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const THUMB = { width: 46, height: 30 };
const LONGEST = 26; // letters

let pen = null;

function widthOf(text, font) {
  pen ??= document.createElement("canvas").getContext("2d");
  pen.font = font;
  return pen.measureText(text).width;
}

export function clip(text, longest = LONGEST) {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** What an item says, and how large it is then. */
export function measure(model, item) {
  const face = item.group ? groupFace(item.group) : vertexFace(model, item.vertex);
  const texts = face.lines.map((line) => widthOf(line, SMALL));
  const title = widthOf(face.title, TITLE) + (item.group ? 42 : 24);
  const body = { none: 0, number: 124, array: 2 * THUMB.width + 8, bar: 60 }[face.body];
  const width = Math.max(64, title, body, ...texts) + 20;
  const tall = { none: 0, number: 20, array: THUMB.height + 8, bar: 12 }[face.body];
  return { ...face, width, height: 30 + 16 * face.lines.length + tall };
}

function vertexFace(model, vertex) {
  const { title, kind, op, details, shape, value } = model.vertices[vertex];
  const lines = details.slice(0, 2).map((line) => clip(line));
  if (op && title !== op) lines.unshift(clip(op));
  const array = model.array(value);
  const single = shape !== null && sizeOf(shape) === 1;
  const body = kind === "input" && !array ? "none" : single ? "number" : "array";
  return { title: clip(title), kind, lines, body, array };
}

export function groupTitle({ label, title, count, nodes }) {
  if (label) return label;
  if (count > 1) return title ? `${title} × ${count}` : `${count} copies`;
  return plural(nodes, "node");
}

function groupFace(group) {
  const size = plural(group.nodes, "node");
  const numbers = group.parameters ? `${plural(group.parameters, "parameter")}` : null;
  const lines = [groupTitle(group) === size ? null : size, numbers].filter(Boolean);
  return { title: clip(groupTitle(group), 34), kind: "group", lines, body: "bar" };
}

/** The still part of an item's picture, and the parts that steps change. */
export function nodePicture(item, face) {
  const { width, height } = face;
  const [left, top] = [-width / 2, -height / 2];
  const sheet = (offset) =>
    svg("rect", {
      class: "sheet",
      x: left + offset,
      y: top + offset,
      width,
      height,
      rx: face.kind === "op" ? 9 : face.kind === "group" ? 5 : 1,
    });
  const sheets = item.group?.count > 1 ? [sheet(8), sheet(4)] : [];
  const mark = svg("text", { class: "mark", x: left + 10, y: top + 20 });
  const title = svg("text", { class: "title", x: left + 26, y: top + 20 }, face.title);
  const more =
    face.kind === "group"
      ? svg("text", { class: "more", x: -left - 10, y: top + 20, "text-anchor": "end" }, "+")
      : "";
  const lines = face.lines.map((line, i) =>
    svg("text", { class: "detail", x: left + 10, y: top + 37 + 16 * i }, line),
  );
  const parts = [
    ...sheets,
    svg("rect", {
      class: "halo",
      x: left - 5,
      y: top - 5,
      width: width + 10,
      height: height + 10,
      rx: 12,
    }),
    sheet(0),
    mark,
    title,
    more,
    ...lines,
  ];
  const body = bodyPicture(face, left, top + 30 + 16 * face.lines.length);
  return { parts: [...parts, ...body.parts], mark, size: lines[0], ...body.live };
}

function bodyPicture(face, left, top) {
  if (face.body === "bar") {
    const full = svg("rect", {
      class: "track",
      x: left + 10,
      y: top,
      width: face.width - 20,
      height: 5,
      rx: 2.5,
    });
    const bar = svg("rect", {
      class: "bar",
      x: left + 10,
      y: top,
      width: 0,
      height: 5,
      rx: 2.5,
    });
    return { parts: [full, bar], live: { bar, room: face.width - 20 } };
  }
  if (face.body === "number") {
    const value = face.array?.data ? short(face.array.data[0]) : "–";
    const shown = svg("text", { class: "value", x: left + 10, y: top + 11 }, value);
    const grad = svg("text", {
      class: "grad",
      x: -left - 10,
      y: top + 11,
      "text-anchor": "end",
    });
    const parts = face.kind === "input" ? [shown] : [shown, grad];
    return { parts, live: { grad: face.kind === "input" ? null : grad } };
  }
  if (face.body === "array") {
    const value = svg("g", {}, thumb(face.array, left + 10, top));
    const spot = { x: -left - 10 - THUMB.width, y: top };
    const picture = svg("g", { class: "grad-picture" });
    const parts = face.kind === "input" ? [value] : [value, picture];
    return { parts, live: { picture: face.kind === "input" ? null : picture, spot } };
  }
  return { parts: [], live: {} };
}

/** A heatmap the size of a stamp, in its frame; a dashed frame where there is none. */
export function thumb(array, x, y, className = "") {
  const frame = { x, y, ...THUMB, rx: 2, class: `frame ${className} ${array ? "" : "empty"}` };
  const image = array && thumbnail(array);
  if (!image) return [svg("rect", frame)];
  const scale = Math.min(THUMB.width / image.columns, THUMB.height / image.rows);
  const [width, height] = [Math.max(3, image.columns * scale), Math.max(3, image.rows * scale)];
  const middle = { x: x + (THUMB.width - width) / 2, y: y + (THUMB.height - height) / 2 };
  const box = { ...middle, width, height };
  return [
    svg("rect", { ...box, class: `frame ${className}` }),
    svg("image", { ...box, href: image.url, preserveAspectRatio: "none", class: "stamp" }),
  ];
}
