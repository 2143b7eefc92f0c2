// Numbers and shapes as words.

const DIGITS = 4;

/** A number from the data, where "nan" and "inf" are words. */
export function numeric(x) {
  if (typeof x === "number") return x;
  return { nan: NaN, inf: Infinity, "-inf": -Infinity }[x] ?? NaN;
}

/** A number in four significant digits, with a true minus sign. */
export function short(x) {
  const value = numeric(x);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return signed(trimmed(value, DIGITS));
}

function trimmed(value, digits) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) {
    const [digitsPart, power] = value.toExponential(digits - 1).split("e");
    return `${unpadded(digitsPart)}e${power.replace("+", "")}`;
  }
  if (Number.isInteger(value)) return String(value);
  return unpadded(value.toPrecision(digits));
}

function unpadded(text) {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function signed(text) {
  return text.replace(/-/g, "−");
}

/** All the digits that the data has. */
export function full(x) {
  const value = numeric(x);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return String(value);
}

/** The shape as NumPy writes it, and nothing for a single number. */
export function shapeText(shape) {
  return shape?.length ? tuple(shape) : "";
}

/** The shape as NumPy writes it. */
export function tuple(shape) {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

/** How many elements. */
export function sizeOf(shape) {
  return shape.reduce((product, n) => product * n, 1);
}

/** "1 step", "12,000 steps". */
export function plural(n, noun, several = `${noun}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? noun : several}`;
}

/** A flat, row-major position as one number per axis. */
export function unravel(flat, shape) {
  const index = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = flat % shape[axis];
    flat = Math.floor(flat / shape[axis]);
  }
  return index;
}

/** The flat position of an index. */
export function ravel(index, shape) {
  return index.reduce((flat, i, axis) => flat * shape[axis] + i, 0);
}

/** Where an element is: "[1, 2]". */
export function place(flat, shape) {
  return `[${unravel(flat, shape).join(", ")}]`;
}
