// First, back, play, forward, last; the speed; and the scrubber.
import { button, el, icon, replace } from "../dom.js";

const FIRST = "M6 5v14M19 5l-9 7 9 7z",
  LAST = "M18 5v14M5 5l9 7-9 7z";
const BACK = "M16 5l-9 7 9 7z",
  FORWARD = "M8 5l9 7-9 7z";
const PLAY = "M7 4.5v15l12-7.5z",
  PAUSE = "M8 5v14M16 5v14";
const SPEEDS = [
  [0.5, "½ × speed"],
  [1, "1 × speed"],
  [2, "2 × speed"],
  [4, "4 × speed"],
  [20, "20 × speed"],
];

export class Transport {
  /** `show(index)` is called with each new step. */
  constructor(keys, show) {
    this.show = show;
    this.index = 0;
    this.length = 1;
    this.timer = null;
    const jump = (to) => () => (this.pause(), this.go(to()));
    const make = (label, path, to) => button(label, icon(path), jump(to), { class: "step" });
    this.first = make("First step (Home)", FIRST, () => 0);
    this.back = make("Step back (←)", BACK, () => this.index - 1);
    this.forward = make("Step forward (→)", FORWARD, () => this.index + 1);
    this.last = make("Last step (End)", LAST, () => this.length - 1);
    this.play = button("Play (space)", icon(PLAY), () => this.toggle(), { class: "step play" });
    this.range = el("input", {
      type: "range",
      min: 1,
      value: 1,
      "aria-label": "Step",
      oninput: () => (this.pause(), this.go(this.range.value - 1)),
    });
    this.count = el("span", { class: "count" });
    const options = SPEEDS.map(([value, text]) =>
      el("option", { value, selected: value === 1 }, text),
    );
    this.speed = el("select", { "aria-label": "Speed" }, options);
    this.bar = el(
      "div",
      { class: "transport", role: "toolbar", "aria-label": "Steps" },
      el(
        "div",
        { class: "buttons" },
        this.first,
        this.back,
        this.play,
        this.forward,
        this.last,
      ),
      this.range,
      this.count,
      this.speed,
    );
    keys.on(
      ["ArrowRight", "l"],
      "next step",
      jump(() => this.index + 1),
    );
    keys.on(
      ["ArrowLeft", "h"],
      "step before",
      jump(() => this.index - 1),
    );
    keys.on([" "], "play, pause", () => this.toggle());
    keys.on(["Home", "End"], "first step, last step");
    keys.actions.set(
      "Home",
      jump(() => 0),
    );
    keys.actions.set(
      "End",
      jump(() => this.length - 1),
    );
  }

  /** Walk over so many steps, from this one. */
  over(length, index = 0) {
    this.pause();
    this.length = length;
    this.range.max = length;
    this.bar.style.setProperty("--digits", String(length).length);
    this.go(index);
  }

  go(to) {
    this.index = Math.min(Math.max(Number(to), 0), this.length - 1);
    this.range.value = this.index + 1;
    this.range.setAttribute("aria-valuetext", `step ${this.index + 1} of ${this.length}`);
    this.range.style.setProperty(
      "--done",
      `${(100 * this.index) / Math.max(this.length - 1, 1)}%`,
    );
    this.count.textContent = `${this.index + 1} / ${this.length.toLocaleString("en")}`;
    const [first, last] = [this.index === 0, this.index === this.length - 1];
    for (const [press, off] of [
      [this.first, first],
      [this.back, first],
      [this.forward, last],
      [this.last, last],
    ]) {
      press.setAttribute("aria-disabled", String(off));
    }
    if (last) this.pause();
    this.show(this.index);
  }

  get playing() {
    return this.timer !== null;
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.index === this.length - 1) this.go(0);
    this.picture(PAUSE, "Pause (space)");
    this.tick();
  }

  tick() {
    const pause = 1500 / Number(this.speed.value);
    this.timer = setTimeout(() => {
      this.go(this.index + 1);
      if (this.playing) this.tick();
    }, pause);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.picture(PLAY, "Play (space)");
  }

  picture(path, label) {
    replace(this.play, icon(path));
    this.play.title = label;
    this.play.setAttribute("aria-label", label);
  }
}
