import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { Member } from "./eligible.ts";
import { WeightedDraw } from "./weighted-draw.ts";
import type { Picker } from "./picker.ts";

/** Each pick is independent, in proportion to the weights. */
export class RandomPicker implements Picker {
  readonly #endpoints: readonly EndpointState[];
  readonly #draw: WeightedDraw;

  constructor(members: readonly Member[]) {
    this.#endpoints = members.map(({ state }) => state);
    this.#draw = new WeightedDraw(members.map(({ weight }) => weight));
  }

  pick(_hash: number, random: Random): EndpointState | undefined {
    return this.#endpoints[this.#draw.draw(random)];
  }
}
