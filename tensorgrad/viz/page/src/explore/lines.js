// Curves and arrowheads.
import { svg } from "../dom.js";

function halfway(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** A smooth line near the points. */
export function curve(points) {
  const [first, ...rest] = points;
  const at = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  if (rest.length < 2) return `M${at(first)} L${at(rest.at(-1) ?? first)}`;
  let path = `M${at(first)}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const end = i === rest.length - 2 ? rest[i + 1] : halfway(rest[i], rest[i + 1]);
    path += ` Q${at(rest[i])} ${at(end)}`;
  }
  return path;
}

/** Where the curve passes the point that bends it nearest to a place. */
export function onCurve(points, { x, y }) {
  const away = (point) => Math.hypot(point.x - x, point.y - y);
  const at = points.reduce(
    (best, point, i) => (away(point) < away(points[best]) ? i : best),
    0,
  );
  const [before, here, after] = [points[at - 1], points[at], points[at + 1]];
  if (!before || !after) return here;
  // The curve starts and ends halfway to the neighbours, or at the ends of all.
  const start = at === 1 ? before : halfway(before, here);
  const end = at === points.length - 2 ? after : halfway(here, after);
  const bent = (axis) => 0.5 * here[axis] + 0.25 * (start[axis] + end[axis]);
  return { x: bent("x"), y: bent("y") };
}

export function arrow(id) {
  return svg(
    "marker",
    {
      id,
      viewBox: "0 0 8 8",
      refX: 7,
      refY: 4,
      markerWidth: 8,
      markerHeight: 8,
      orient: "auto-start-reverse",
      markerUnits: "userSpaceOnUse",
    },
    svg("path", { d: "M0 0.8 L7.6 4 L0 7.2 z" }),
  );
}
