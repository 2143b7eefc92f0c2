// One kind of attention: weights of layers and heads, from rows of tokens to columns.
import { unpack } from "../packed.js";

export class Kind {
  constructor({ name, rows, columns, layers, weights }, texts) {
    const { shape, data } = unpack(weights);
    Object.assign(this, { name, layers, data, heads: shape[1] });
    this.alike = rows === columns; // one text looks at itself
    this.names = { rows, columns };
    this.rows = texts[rows].labels;
    this.columns = texts[columns].labels;
    this.means = new Map();
  }

  /** Weights (rows x columns) of a head; of their mean where the head is one too many. */
  map(layer, head) {
    const size = this.rows.length * this.columns.length;
    if (head < this.heads) {
      const first = (layer * this.heads + head) * size;
      return this.data.subarray(first, first + size);
    }
    if (!this.means.has(layer)) this.means.set(layer, this.mean(layer, size));
    return this.means.get(layer);
  }

  mean(layer, size) {
    const sum = new Float64Array(size);
    for (let head = 0; head < this.heads; head++) {
      this.map(layer, head).forEach((weight, i) => (sum[i] += weight));
    }
    return sum.map((total) => total / this.heads);
  }

  /** The weights from token i to each column; or from each row, `back` to token i. */
  line(layer, head, i, back) {
    const map = this.map(layer, head);
    const S = this.columns.length;
    if (!back) return Array.from(map.subarray(i * S, (i + 1) * S));
    return this.rows.map((_, t) => map[t * S + i]);
  }
}

export function layerName(kind, layer) {
  return `Layer ${kind.layers[layer]}`;
}

export function headName(kind, head) {
  return head < kind.heads ? `head ${head}` : "mean of the heads";
}
