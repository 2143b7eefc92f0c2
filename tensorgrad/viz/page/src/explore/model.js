// The data with what the page looks up all the time: who is inside, who uses whom.

import { numeric } from "../numbers.js";

const WAITING = "waiting",
  PART = "part",
  READY = "ready",
  NOW = "now",
  DONE = "done";
export const SAYS = {
  waiting: "waiting: no gradient has arrived",
  part: "waiting: a part of its gradient has arrived",
  ready: "all of its gradient has arrived",
  now: "the current step",
  done: "done",
  still: "collects no gradient",
};
export const SYMBOLS = { waiting: "○", part: "◐", ready: "●", now: "▶", done: "✓", still: "" };

export class Model {
  constructor(data) {
    Object.assign(this, data);
    this.groups = new Map();
    this.homes = new Array(this.vertices.length).fill(null);
    this.index(this.tree);
    this.right = new Walk(this, this.steps);
    this.wrong = new Walk(this, this.naive?.steps ?? []);
    this.counted = new Map();
  }

  index(root) {
    const stack = [[root, null]];
    while (stack.length) {
      const [group, home] = stack.pop();
      group.home = home;
      this.groups.set(group.id, group);
      for (const child of group.children) {
        if (typeof child === "number") this.homes[child] = group;
        else stack.push([child, group]);
      }
    }
  }

  array(index) {
    return index === null || index === undefined ? null : (this.arrays[index] ?? null);
  }

  /** The groups around a vertex, outermost first, without the root. */
  around(vertex) {
    const found = [];
    for (let group = this.homes[vertex]; group?.home; group = group.home) found.unshift(group);
    return found;
  }

  /** "copy 3 of 4": which copy of a repeat holds a vertex; null where nothing repeats. */
  copyOf(group, vertex) {
    if (group.kind !== "repeat") return null;
    let copies = group.children;
    // Many copies are put together in stretches.
    while (copies.length < group.count && copies.some(({ children }) => children)) {
      copies = copies.flatMap((one) => one.children ?? [one]);
    }
    const holds = new Set([...this.around(vertex), vertex]);
    return `copy ${copies.findIndex((copy) => holds.has(copy)) + 1} of ${group.count}`;
  }

  /** The vertices inside of a group, those of its groups too. */
  inside(group) {
    const found = [],
      stack = [group];
    while (stack.length) {
      for (const child of stack.pop().children) {
        if (typeof child === "number") found.push(child);
        else stack.push(child);
      }
    }
    return found;
  }

  /** Of the vertices inside that a walk visits: how many, and how many before `step`. */
  progress(group, walk, step) {
    const key = `${walk === this.right}${group.id}`;
    if (!this.counted.has(key)) {
      const visited = this.inside(group).map((vertex) => walk.stepOf[vertex]);
      this.counted.set(
        key,
        visited.filter((at) => at >= 0).sort((a, b) => a - b),
      );
    }
    const visits = this.counted.get(key);
    return {
      total: visits.length,
      done: below(visits, step),
      now: visits[below(visits, step)] === step,
    };
  }
}

/** How many of some sorted numbers are below a limit. */
function below(sorted, limit) {
  let low = 0,
    high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Steps in an order, and what has happened to a vertex after some of them. */
export class Walk {
  constructor(model, steps) {
    const count = model.vertices.length;
    this.model = model;
    this.steps = steps;
    this.sums = new Map();
    this.sent = steps.map((_, at) => sentAt(model, steps, at));
    this.lost = this.sent.flat().filter(({ lost }) => lost);
    this.stepOf = new Int32Array(count).fill(-1);
    this.arrivals = Array.from({ length: count }, () => []);
    steps.forEach(({ vertex }, at) => {
      this.stepOf[vertex] = at;
      for (const one of this.sent[at]) this.arrivals[one.to].push(one);
    });
  }

  lostBy(step) {
    return this.lost.filter(({ at }) => at <= step);
  }

  arrived(vertex, step) {
    return this.arrivals[vertex].filter(({ at, lost }) => at <= step && !lost);
  }

  state(vertex, step) {
    const turn = this.stepOf[vertex];
    if (turn < 0) return "still";
    if (turn === step) return NOW;
    if (turn < step) return DONE;
    const arrived = this.arrived(vertex, step).length;
    if (!arrived) return WAITING;
    return arrived < this.arrivals[vertex].length ? PART : READY;
  }

  /** What a vertex has collected by then, if it is known. */
  gradient(vertex, step) {
    const turn = this.stepOf[vertex];
    if (turn >= 0 && turn <= step) return this.model.array(this.steps[turn].g);
    const arrived = this.arrived(vertex, step);
    if (!arrived.length) return null;
    const { after } = arrived.at(-1);
    return after === undefined ? this.sum(vertex, arrived) : this.model.array(after);
  }

  /** The sum of small arrays; the walk without the sort does not come with it. */
  sum(vertex, arrived) {
    const key = `${vertex}:${arrived.length}`;
    if (!this.sums.has(key)) {
      const parts = arrived.map(({ value }) => this.model.array(value));
      this.sums.set(key, added(parts));
    }
    return this.sums.get(key);
  }
}

/** What a step sends: when, from where, and for which argument. */
function sentAt(model, steps, at) {
  const { vertex, sent } = steps[at];
  const { inputs } = model.vertices[vertex];
  return sent.map((one, i) => {
    // The walk without the sort does not say which of several equal inputs it was.
    const earlier = sent.slice(0, i).filter(({ to }) => to === one.to).length;
    const slots = [...inputs.keys()].filter((slot) => inputs[slot] === one.to);
    return { at, from: vertex, slot: slots[earlier] ?? 0, ...one };
  });
}

function added(parts) {
  if (parts.length === 1) return parts[0];
  if (!parts.every((part) => part?.data)) return null;
  const data = parts[0].data.map((_, i) =>
    parts.reduce((sum, part) => sum + numeric(part.data[i]), 0),
  );
  return { ...parts[0], data };
}
