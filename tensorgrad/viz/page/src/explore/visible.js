// What is drawn: closed groups as one node, open ones as a box, and the links between.

export const LIMIT = 300; // drawn nodes: beyond, no layout can be read

/** The items drawn while the groups in `open` (ids) are open. */
export function visible(model, open) {
  const items = [],
    boxes = [],
    shown = new Array(model.vertices.length);
  const stack = [[model.tree, null]];
  while (stack.length) {
    const [group, box] = stack.pop();
    for (const child of group.children) {
      if (typeof child === "number") {
        shown[child] = `v${child}`;
        items.push({ key: `v${child}`, vertex: child, box });
      } else if (open.has(child.id)) {
        boxes.push({ key: child.id, group: child, box });
        stack.push([child, child.id]);
      } else {
        items.push({ key: child.id, group: child, box });
        for (const vertex of model.inside(child)) shown[vertex] = child.id;
      }
    }
  }
  return { items, boxes, shown, links: links(model, shown) };
}

/** One link per argument between vertices; those to a closed group are put together. */
function links(model, shown) {
  const found = new Map();
  model.vertices.forEach((vertex, end) => {
    vertex.inputs.forEach((start, slot) => {
      if (start === null || shown[start] === shown[end]) return;
      const single = shown[start] === `v${start}` && shown[end] === `v${end}`;
      const key = `${shown[start]}>${shown[end]}${single ? `:${slot}` : ""}`;
      if (!found.has(key))
        found.set(key, { key, from: shown[start], to: shown[end], uses: [] });
      found.get(key).uses.push({ start, end, slot });
    });
  });
  return [...found.values()];
}

/** How many nodes would be drawn, without drawing them. */
export function countVisible(model, open) {
  let count = 0;
  const stack = [model.tree];
  while (stack.length) {
    for (const child of stack.pop().children) {
      if (typeof child !== "number" && open.has(child.id)) stack.push(child);
      else count += 1;
    }
  }
  return count;
}
