// Panning and zooming a drawing: drag, wheel, two fingers, and the view that follows.
import { still } from "../theme.js";

const SMALLEST = 0.03,
  LARGEST = 2.5,
  COMFORTABLE = 0.9; // where the whole would be too small to read
const TOP = 44,
  BOTTOM = 34; // pixels that buttons and the legend cover

export class View {
  /** `frame` is the svg element, `layer` the group inside of it that moves. */
  constructor(frame, layer) {
    this.frame = frame;
    this.layer = layer;
    this.x = this.y = 0;
    this.scale = 1;
    this.size = { width: 1, height: 1 };
    this.fitted = true;
    this.pointers = new Map();
    frame.addEventListener("pointerdown", (event) => this.down(event));
    frame.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, ({ pointerId }) => this.pointers.delete(pointerId));
    }
    frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    new ResizeObserver(() => this.fitted && this.fit(false)).observe(frame);
  }

  get box() {
    return this.frame.getBoundingClientRect();
  }

  show(smooth = false) {
    this.layer.classList.toggle("gliding", smooth && !still());
    this.layer.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  }

  /** The whole drawing, if it can still be read then. */
  fit(smooth = true, least = SMALLEST) {
    const { width, height: all } = this.box;
    const height = all - TOP - BOTTOM;
    const scale = Math.min(width / this.size.width, height / this.size.height, 1.15);
    this.scale = scale < least ? COMFORTABLE : Math.max(scale, SMALLEST);
    this.x = (width - this.size.width * this.scale) / 2;
    this.y = TOP + (height - this.size.height * this.scale) / 2;
    this.fitted = scale >= least;
    this.show(smooth);
    return this.fitted;
  }

  zoom(factor, at = null) {
    const box = this.box;
    const [cx, cy] = at ? [at.x - box.left, at.y - box.top] : [box.width / 2, box.height / 2];
    const scale = Math.min(LARGEST, Math.max(SMALLEST, this.scale * factor));
    this.x = cx - ((cx - this.x) * scale) / this.scale;
    this.y = cy - ((cy - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.show();
  }

  /** Bring a place of the drawing into sight; to the middle if it was far outside. */
  follow({ x, y }, smooth = true) {
    const { width, height } = this.box;
    const left = this.x + x * this.scale,
      top = this.y + y * this.scale;
    const roomX = Math.min(150, width / 3),
      roomY = Math.min(120, height / 3);
    const near = (at, room, most) => {
      if (at < -most || at > 2 * most) return most / 2;
      return Math.min(Math.max(at, room), most - room);
    };
    this.x += near(left, roomX, width) - left;
    this.y += near(top, roomY, height) - top;
    this.show(smooth);
  }

  down(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moved = false;
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const others = [...this.pointers.keys()].filter((id) => id !== event.pointerId);
    if (others.length === 1) this.pinch(this.pointers.get(others[0]), before, now);
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (!this.moved && Math.hypot(dx, dy) < 4) return; // a click with an unsteady hand
    if (!this.moved) this.frame.setPointerCapture(event.pointerId);
    this.moved = true;
    this.pointers.set(event.pointerId, now);
    this.x += dx / (others.length + 1);
    this.y += dy / (others.length + 1);
    this.fitted = false;
    this.show();
  }

  pinch(other, before, now) {
    const apart = (a) => Math.hypot(a.x - other.x, a.y - other.y) || 1;
    this.zoom(apart(now) / apart(before), {
      x: (now.x + other.x) / 2,
      y: (now.y + other.y) / 2,
    });
  }

  wheel(event) {
    // A narrow window scrolls, and so does what a frame is in: there zooming takes Ctrl.
    const scrolls = matchMedia("(max-width: 899px)").matches || window.parent !== window;
    if (scrolls && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const pace = event.deltaMode ? 0.05 : 0.0015;
    this.zoom(Math.exp(-event.deltaY * pace), { x: event.clientX, y: event.clientY });
  }
}
