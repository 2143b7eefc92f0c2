// What a finite difference says about the chosen element.
import { button, el } from "../dom.js";
import { full, place, short, sizeOf } from "../numbers.js";

/** Which elements have a check: Map of flat index to whether it agrees. */
export function checked(checks) {
  return new Map((checks ?? []).map(({ index, agrees }) => [index, agrees]));
}

/** The check of element `flat`; `what` is nudged, and `whole` measured. */
export function checkView(checks, flat, shape, { what, whole, pick }) {
  if (!checks?.length) {
    return el("p", { class: "check none" }, "No finite difference was computed here.");
  }
  const found = checks.find(({ index }) => index === flat);
  const many = sizeOf(shape) > 1;
  const next = many ? nextButton(checks, flat, shape, pick) : null;
  if (!found) {
    const says = `Element ${place(flat, shape)} has no check: of ${sizeOf(shape).toLocaleString("en")} elements, ${checks.length} were checked.`;
    return el("div", { class: "check none" }, el("p", {}, says), next);
  }
  const element = many ? `${what}${place(flat, shape)}` : what;
  const verdict = found.agrees
    ? el("dd", { class: "verdict right" }, "✓ agree")
    : el("dd", { class: "verdict wrong" }, "✗ differ");
  const away = Math.abs(Number(found.slope) - Number(found.numeric));
  return el(
    "div",
    { class: "check" },
    el(
      "p",
      { class: "soft" },
      `Nudging ${element} by ±${short(found.step)} changes ${whole} at this rate:`,
    ),
    el(
      "dl",
      {},
      pair("formula", found.slope),
      pair("measured", found.numeric),
      pair("difference", Number.isNaN(away) ? "nan" : away),
      el("div", {}, el("dt", {}, "they"), verdict),
    ),
    found.why ? el("p", { class: "why" }, found.why) : null,
    next,
  );
}

function pair(name, x) {
  return el("div", {}, el("dt", {}, name), el("dd", { title: full(x) }, long(x)));
}

/** Enough digits to see where the two part. */
function long(x) {
  if (typeof x !== "number") return short(x);
  if (x === 0 || (Math.abs(x) >= 1e-4 && Math.abs(x) < 1e6)) {
    return String(Number(x.toPrecision(9))).replace("-", "−");
  }
  return short(x);
}

function nextButton(checks, flat, shape, pick) {
  const order = checks.map(({ index }) => index).sort((a, b) => a - b);
  const next = order.find((index) => index > flat) ?? order[0];
  if (next === flat) return null;
  const label = `Next checked: ${place(next, shape)}`;
  return button(label, label, () => pick(next), {
    class: "small",
  });
}
