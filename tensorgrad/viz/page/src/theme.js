// Light or dark: the reader's system says, until the button does; for this page only.
import { button, icon, replace } from "./dom.js";

const MOON = "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z";
const SUN =
  "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM12 1v3M12 20v3M1 12h3M20 12h3" +
  "M4.2 4.2l2.1 2.1M17.7 17.7l2.1 2.1M4.2 19.8l2.1-2.1M17.7 6.3l2.1-2.1";

// Nothing is asked at the top of a file: a worker, which loads it too, has no window.
const system = () => matchMedia("(prefers-color-scheme: dark)");
let chosen = null;

export function isDark() {
  return chosen === null ? system().matches : chosen === "dark";
}

/** The button that switches between light and dark. */
export function themeButton() {
  const press = button("Dark colours", null, () => {
    chosen = isDark() ? "light" : "dark";
    show();
  });
  press.classList.add("quiet");
  const show = () => {
    const dark = isDark();
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    replace(press, icon(dark ? SUN : MOON));
    press.title = dark ? "Light colours" : "Dark colours";
    press.setAttribute("aria-label", press.title);
  };
  system().addEventListener("change", show);
  show();
  return press;
}

/** Whether the reader asked for less movement. */
export function still() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
