// One scale from nothing to all: by lightness, so that every eye can read it.
import { el } from "./dom.js";
import { isDark } from "./theme.js";

const LIGHT = ["#ffffff", "#a9d8f4", "#0072b2", "#00263f"];
const DARK = ["#101113", "#0c4f78", "#56b4e9", "#eef8ff"];
const STOPS = [0, 0.35, 0.7, 1];
const LEVELS = 256;
const POWER = 0.4;

let printing = false;
const tables = new Map();

/** Call `draw` now, and whenever the colours change: by the button, or for paper. */
export function onColours(draw) {
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  for (const [event, paper] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => {
      printing = paper;
      draw();
    });
  }
  draw();
}

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

/** [r, g, b] of each level. */
function table() {
  const stops = isDark() && !printing ? DARK : LIGHT;
  if (!tables.has(stops)) {
    const colours = stops.map(rgb);
    const between = (level) => {
      const x = level / (LEVELS - 1);
      const i = Math.min(STOPS.findLastIndex((stop) => stop <= x), STOPS.length - 2);
      const share = (x - STOPS[i]) / (STOPS[i + 1] - STOPS[i]);
      return colours[i].map((c, k) => Math.round(c + (colours[i + 1][k] - c) * share));
    };
    tables.set(stops, Array.from({ length: LEVELS }, (_, level) => between(level)));
  }
  return tables.get(stops);
}

/** A power below 1: what is small is still seen. */
function level(share) {
  return Math.round(Math.min(Math.max(share, 0), 1) ** POWER * (LEVELS - 1));
}

/** The colour of a share from 0 to 1, and the colour of text on it. */
export function shade(share) {
  const [r, g, b] = table()[level(share)];
  const luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  return { background: `rgb(${r} ${g} ${b})`, ink: luminance > 0.22 ? "#101214" : "#ffffff" };
}

function linear(c) {
  const x = c / 255;
  return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
}

/** Shade an element. */
export function shadeElement(node, share) {
  const { background, ink } = shade(share);
  node.style.backgroundColor = background;
  node.style.color = ink;
}

/** A pixel for each of the shares (rows x columns). */
export function paint(canvas, shares, rows, columns) {
  const context = canvas.getContext("2d", { willReadFrequently: true }); // too small for a GPU
  canvas.width = columns;
  canvas.height = rows;
  const image = context.createImageData(columns, rows);
  const colours = table();
  for (let i = 0; i < rows * columns; i++) {
    image.data.set(colours[level(shares[i])], i * 4);
    image.data[i * 4 + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** What the shades mean. */
export function legend(says) {
  const bar = el("canvas", { class: "scale", "aria-hidden": "true" });
  const ticks = [0, 0.01, 0.1, 0.25, 0.5, 1].map((share) =>
    el("span", { "--at": `${share ** POWER * 100}%` }, share === 0 ? "0" : `${share * 100} %`),
  );
  const draw = () => paint(bar, Array.from({ length: 200 }, (_, i) => ((i + 0.5) / 200) ** (1 / POWER)), 1, 200);
  onColours(draw);
  return el("div", { class: "scaled" }, el("span", { class: "soft" }, says), el("div", { class: "ramp" }, bar, ticks));
}
