// Elements, built without markup: text is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";

/** An element: attributes, properties that start with "on", then children. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  add(node, children);
  return node;
}

/** Append nodes, texts, and lists of them; null and false are left out. */
export function add(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** Put children in place of what a node holds. */
export function replace(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

/** A drawing of 24 by 24 from path data, in the colour of the text around it. */
export function icon(path) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" },
    svg("path", { d: path }),
  );
}

/** A button with an icon or a text; `label` is what a screen reader says. */
export function button(label, inside, press, attributes = {}) {
  const titled = { type: "button", title: label, "aria-label": label };
  return el("button", { ...titled, onclick: press, ...attributes }, inside ?? label);
}
