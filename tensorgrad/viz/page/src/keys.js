// Keys of the whole page, and the dialog that lists them.
import { button, el } from "./dom.js";

const TAKES_KEYS = "input:not([type=range]), textarea, select, [contenteditable]";
const NAMES = { " ": "space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", PageUp: "Page ↑", PageDown: "Page ↓" };

export class Keys {
  constructor() {
    this.actions = new Map();
    this.rows = [];
    document.addEventListener("keydown", (event) => this.press(event));
  }

  /** `keys` do `action`; without an action they are only listed in the help. */
  on(keys, says, action = null) {
    this.rows.push({ keys, says });
    if (action) for (const key of keys) this.actions.set(key, action);
  }

  press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(TAKES_KEYS) || document.querySelector("dialog[open]")) return;
    // Space and Enter belong to the button that has the focus.
    const presses = event.key === " " || event.key === "Enter";
    if (presses && event.target.closest?.("button, summary, a")) return;
    if (event.key.startsWith("Page") && event.target.closest?.("input")) return; // a slider's
    const action = this.actions.get(event.key);
    if (!action) return;
    event.preventDefault();
    action(event);
  }

  /** The dialog of all keys, and the button that opens it. */
  help() {
    const list = el("dl", { class: "keys" });
    const close = button("Close", "Close", () => dialog.close());
    const title = el("h2", { id: "keys-title" }, "Keys");
    const dialog = el("dialog", { "aria-labelledby": "keys-title" }, title, list, close);
    document.body.append(dialog);
    const open = () => {
      list.replaceChildren(
        ...this.rows.flatMap(({ keys, says }) => [
          el("dt", {}, ...keys.map((key) => el("kbd", {}, NAMES[key] ?? key))),
          el("dd", {}, says),
        ]),
      );
      dialog.showModal();
    };
    this.on(["?"], "this list", open);
    return button("Keys (?)", "?", open, { class: "quiet", "aria-haspopup": "dialog" });
  }
}
