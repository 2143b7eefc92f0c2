// Tokens as they are seen, said and chosen.
import { el } from "./dom.js";

const SEEN = { " ": "·", "\n": "↵", "\r": "␍", "\t": "⇥" };
const SAID = { " ": "space", "\n": "newline", "\r": "return", "\t": "tab" };
// controls, and marks that would turn the text around them
const UNSEEN = /[\p{Cc}\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

/** A label as nodes: spaces and line breaks are marks, in a softer tone. */
export function seen(label) {
  if (label === "") return [el("span", { class: "mark" }, "∅")];
  const parts = [];
  for (const character of label) {
    const mark = SEEN[character] ?? (UNSEEN.test(character) ? escape(character) : null);
    const last = parts.at(-1);
    if (mark) parts.push(el("span", { class: "mark" }, mark));
    else if (typeof last === "string") parts[parts.length - 1] = last + character;
    else parts.push(character);
  }
  return parts;
}

function escape(character) {
  return `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`;
}

/** A label in one line of plain text, spaces and line breaks as marks. */
export function plain(label) {
  return seen(label).map((part) => part.textContent ?? part).join("");
}

/** A label for a screen reader. */
export function said(label) {
  const text = label.trim();
  if (text) return text;
  return [...label].map((character) => SAID[character] ?? escape(character)).join(" ") || "empty";
}

/**
 * A text as a row of tokens, one of which is chosen.
 *   choose(i)  by a click, or by arrows, Home and End where the row has the focus
 *   hover(i)   the pointer is over a token; null when it leaves
 * Gives {node, chips, notes, set(i)}: notes are below the tokens.
 */
export function tokenRow(labels, { name, choose, hover }) {
  const notes = labels.map(() => el("span", { class: "note", "aria-hidden": "true" }));
  const chips = labels.map((label, i) =>
    el(
      "div",
      { class: "chip", role: choose ? "option" : "listitem", "aria-label": `${i}: ${said(label)}` },
      el("bdi", { class: "word" }, seen(label)),
      notes[i],
    ),
  );
  const list = choose ? { role: "listbox", "aria-orientation": "horizontal" } : { role: "list" };
  const node = el("div", { class: "tokens", "aria-label": name, ...list }, chips);
  const set = (chosen) =>
    chips.forEach((chip, i) => {
      chip.setAttribute("aria-selected", String(i === chosen));
      chip.tabIndex = i === (chosen ?? 0) ? 0 : -1;
    });
  chips.forEach((chip, i) => {
    if (!choose) return;
    chip.addEventListener("click", () => choose(i));
    chip.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: chips.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      if (!chips[to]) return;
      choose(to);
      chips[to].focus();
    });
    if (hover) chip.addEventListener("pointerenter", () => hover(i));
  });
  if (hover) node.addEventListener("pointerleave", () => hover(null));
  if (choose) set(0);
  return { node, chips, notes, set };
}

/** A share as a reader likes it: "43 %", "0.4 %", and nothing for none. */
export function percent(share) {
  if (share === 0) return "–";
  const x = share * 100;
  if (x >= 99.95 && share < 1) return ">99.9 %";
  if (x < 0.05) return "<0.1 %";
  return `${x.toFixed(1)} %`;
}
