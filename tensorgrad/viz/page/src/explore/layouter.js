// Layouts from a worker, where there can be one.
import { layout } from "./layout.js";

/** The worker's side: this same script, started where there is no document. */
export function serve() {
  self.onmessage = ({ data: { id, request } }) => {
    try {
      self.postMessage({ id, result: layout(request) });
    } catch (error) {
      self.postMessage({ id, error: String(error) });
    }
  };
}

/** The page's side: `ask(request)` promises a layout. */
export class Layouter {
  constructor(source) {
    this.waiting = new Map();
    this.asked = 0;
    try {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      this.worker = new Worker(url);
      this.worker.onmessage = ({ data }) => this.answer(data);
      this.worker.onerror = (event) => (event.preventDefault(), this.alone());
    } catch {
      this.worker = null; // such as in a frame that may not start one
    }
  }

  ask(request) {
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { request, resolve, reject });
      if (this.worker) this.worker.postMessage({ id, request });
      else this.alone();
    });
  }

  answer({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(result);
  }

  /** Without a worker: here, once the page has been painted. */
  alone() {
    this.worker?.terminate();
    this.worker = null;
    for (const [id, { request }] of [...this.waiting]) {
      setTimeout(() => {
        if (!this.waiting.has(id)) return;
        try {
          this.answer({ id, result: layout(request) });
        } catch (error) {
          this.answer({ id, error: String(error) });
        }
      });
    }
  }
}
