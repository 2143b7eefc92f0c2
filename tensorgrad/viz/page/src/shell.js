// What every page has: the data, a heading, tools, keys, and a word when all fails.
import { button, el } from "./dom.js";
import { Keys } from "./keys.js";
import { themeButton } from "./theme.js";

/**
 * Read the data and let `draw(data, page)` fill the page. `page` has
 *   header, title, subtitle  the heading; subtitle is empty
 *   tools                    the buttons at its right; more may be put first
 *   main                     where the page goes
 *   keys                     keys.on(["o"], "open a group", action)
 *   say(text)                what a screen reader says next
 */
export function start(draw) {
  const data = JSON.parse(document.getElementById("data").textContent);
  const page = shell(data.title ?? document.title);
  try {
    draw(data, page);
  } catch (error) {
    page.main.replaceChildren(
      el("p", { class: "failed", role: "alert" }, `This page could not be drawn: ${error}`),
    );
    throw error;
  }
}

function shell(name) {
  const keys = new Keys();
  const title = el("h1", {}, name);
  const subtitle = el("p", { class: "subtitle" });
  const tools = el("div", { class: "tools" }, themeButton(), keys.help());
  const header = el("header", { class: "top" }, el("div", {}, title, subtitle), tools);
  const main = el("main", {});
  const live = el("p", { class: "unseen", "aria-live": "polite", role: "status" });
  document.body.replaceChildren(header, main, live, ...document.querySelectorAll("dialog"));
  const say = (text) => {
    live.textContent = text;
  };
  return { header, title, subtitle, tools, main, keys, say };
}

/** A button that stays pressed: `turn(on)` is called with each change. */
export function toggle(label, turn, attributes = {}) {
  const press = button(label, label, () => set(press.getAttribute("aria-pressed") !== "true"), {
    "aria-pressed": "false",
    ...attributes,
  });
  const set = (on) => {
    press.setAttribute("aria-pressed", String(on));
    turn(on);
  };
  return { press, set };
}
