// Temperature, top-k and top-p, in this order and as nn.decoding has them.
import { unpack } from "../packed.js";

/** The candidates of one place, likeliest first, and the sums of all beyond them. */
export class Place {
  constructor(state, t, grid) {
    const { tokens, logits } = state;
    const N = tokens.shape[1];
    this.tokens = tokens.data.subarray(t * N, (t + 1) * N);
    this.logits = Float64Array.from(logits.data.subarray(t * N, (t + 1) * N));
    this.total = state.total.data[t];
    this.ties = state.ties[t];
    this.beyond = state.beyond;
    this.nuclei = state.nuclei ?? {};
    this.tails = state.tails?.data.subarray(t * grid.temperatures.length, (t + 1) * grid.temperatures.length);
    this.t = t;
    this.grid = grid;
  }

  /** The model's own probabilities. */
  model() {
    return this.logits.map((logit) => Math.exp(logit - this.total));
  }

  /**
   * What each setting makes of the probabilities of the candidates, in turn, for these
   * values of the grid: {model, temperature, top_k, top_p}, and how many are `left`.
   */
  stages(i, k, p) {
    const { grid } = this;
    const model = this.model();
    if (grid.temperatures[i] === 0) {
      const only = model.map((_, j) => (j === 0 ? 1 : 0));
      return { model, temperature: only, top_k: only, top_p: only, left: 1 };
    }
    let weights = this.logits.map((logit) => Math.exp((logit - this.logits[0]) / grid.temperatures[i]));
    let rest = { count: this.beyond, sum: this.tails?.[i] ?? 0 };
    const temperature = shares(weights, rest);
    if (k > 0) [weights, rest] = this.topK(weights, k);
    const topK = shares(weights, rest);
    if (p < 1) [weights, rest] = this.topP(weights, rest, topK, i, p);
    const left = weights.reduce((n, weight) => n + (weight > 0), 0) + rest.count;
    return { model, temperature, top_k: topK, top_p: shares(weights, rest), left };
  }

  /** The k largest, and what equals the smallest of them. */
  topK(weights, k) {
    const N = weights.length;
    if (k >= N + this.beyond) return [weights, { count: this.beyond, sum: this.beyond ? NaN : 0 }];
    const least = this.logits[Math.min(k, N) - 1];
    const kept = weights.map((weight, j) => (this.logits[j] >= least ? weight : 0));
    const ties = least === this.logits[N - 1] ? this.ties : 0;
    return [kept, { count: ties, sum: ties * weights[N - 1], each: weights[N - 1] }];
  }

  /** The fewest likeliest tokens that together have probability p. */
  topP(weights, rest, masses, i, p) {
    let reached = 0;
    for (let j = 0; j < masses.length; j++) {
      if (masses[j] === 0) break;
      reached += masses[j];
      if (reached >= p) return [weights.map((weight, n) => (n <= j ? weight : 0)), { count: 0, sum: 0 }];
    }
    if (rest.each !== undefined) return [weights, tied(rest, masses.at(-1), reached, p)];
    const nucleus = this.nuclei[`${this.t},${i},${p}`];
    if (!nucleus) return [weights, { count: 0, sum: 0 }]; // rounding: all there are
    const [count, sum] = nucleus;
    return [weights, { count: count - weights.length, sum: sum - weights.reduce((a, b) => a + b, 0) }];
  }
}

/** How many equals beyond the list a probability p takes in. */
function tied(rest, mass, reached, p) {
  let count = 0;
  while (count < rest.count && reached < p) {
    reached += mass;
    count++;
  }
  return { count, sum: count * rest.each };
}

function shares(weights, rest) {
  const total = weights.reduce((a, b) => a + b, 0) + rest.sum;
  return weights.map((weight) => weight / total);
}

/** A state's candidates as arrays. */
export function opened(candidates) {
  const packed = ["tokens", "logits", "total", "tails"].filter((name) => candidates[name]);
  return { ...candidates, ...Object.fromEntries(packed.map((name) => [name, unpack(candidates[name])])) };
}
