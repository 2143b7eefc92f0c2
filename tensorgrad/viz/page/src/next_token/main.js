// What may follow a token: candidates, what settings make of them, layers, learning.
import { el } from "../dom.js";
import { plural } from "../numbers.js";
import { unpack } from "../packed.js";
import { legend, onColours } from "../shades.js";
import { start } from "../shell.js";
import { said } from "../tokens.js";
import { Candidates } from "./candidates.js";
import { opened, Place } from "./decoding.js";
import { Layers } from "./layers.js";
import { Learning } from "./learning.js";
import { Overview } from "./overview.js";
import { Prompt } from "./prompt.js";

class NextToken {
  constructor(data, page) {
    this.page = page;
    this.data = data;
    this.labels = data.text.labels;
    this.names = data.names;
    this.states = data.states.map(({ step, lens, candidates }) => ({
      step,
      candidates: opened(candidates),
      lens: Object.fromEntries(Object.entries(lens).map(([name, array]) => [name, unpack(array)])),
    }));
    this.places = new Map();
    this.state = this.states.length - 1;
    this.t = this.labels.length - 1;
    [this.layers] = this.states[0].lens.followed.shape;
    page.subtitle.textContent = this.about();
    this.build();
    this.useKeys(page.keys);
    onColours(() => (this.overview.fill(), this.draw()));
    page.main.dataset.ready = "";
  }

  about() {
    const steps = this.states.length > 1 && plural(this.states.length, "checkpoint");
    const V = this.states[0].candidates.tokens.shape[1] + this.states[0].candidates.beyond;
    const sizes = [plural(this.layers - 1, "layer"), plural(this.labels.length, "token"), `vocabulary of ${V.toLocaleString("en")}`];
    return [this.data.model, ...sizes, steps].filter(Boolean).join(" · ");
  }

  build() {
    this.overview = new Overview(this);
    const parts = [new Prompt(this), new Candidates(this), new Layers(this), this.overview];
    if (this.states.length > 1) parts.push(new Learning(this));
    this.parts = parts;
    const [prompt, candidates, layers, overview, learning] = parts.map((part) => part.node);
    const scale = legend("probability");
    this.page.main.append(
      el("div", { class: "next" }, prompt, learning,
        el("div", { class: "two" }, candidates, layers), overview, scale),
    );
  }

  useKeys(keys) {
    keys.on(["ArrowLeft", "ArrowRight"], "the place before, the place after");
    keys.actions.set("ArrowLeft", () => this.choose(this.t - 1));
    keys.actions.set("ArrowRight", () => this.choose(this.t + 1));
    if (this.states.length > 1) {
      keys.on([",", "."], "the checkpoint before, the checkpoint after");
      keys.actions.set(",", () => this.chooseState(this.state - 1));
      keys.actions.set(".", () => this.chooseState(this.state + 1));
    }
  }

  choose(t) {
    this.t = Math.min(Math.max(t, 0), this.labels.length - 1);
    this.draw();
    this.page.say(this.inWords());
  }

  chooseState(state) {
    this.state = Math.min(Math.max(state, 0), this.states.length - 1);
    this.overview.fill();
    this.draw();
    this.page.say(`Step ${this.states[this.state].step}. ${this.inWords()}`);
  }

  inWords() {
    const place = this.place();
    const model = place.model();
    return `After ${said(this.labels[this.t])}: ${said(this.name(place.tokens[0]))}, ${(model[0] * 100).toFixed(1)} percent`;
  }

  name(token) {
    return this.names[token] ?? `token ${token}`;
  }

  place(state = this.state, t = this.t) {
    const key = `${state},${t}`;
    if (!this.places.has(key)) this.places.set(key, new Place(this.states[state].candidates, t, this.data.grid));
    return this.places.get(key);
  }

  /** The token that follows place t: the prompt's next, or what the model would write. */
  followed(t = this.t) {
    return this.data.followed[t];
  }

  isLast(t = this.t) {
    return t === this.labels.length - 1;
  }

  layerName(layer) {
    return layer === 0 ? "embeddings" : `layer ${layer - 1}`;
  }

  /** A number (layers x places x ...) of the lens of a state. */
  seen(name, layer, t = this.t, state = this.state) {
    const { shape, data } = this.states[state].lens[name];
    const K = shape[2] ?? 1;
    const first = (layer * shape[1] + t) * K;
    return shape[2] ? data.subarray(first, first + K) : data[first];
  }

  draw() {
    for (const part of this.parts) part.draw();
  }
}

start((data, page) => new NextToken(data, page));
