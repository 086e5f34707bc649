import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { Member } from "./eligible.ts";
import { WeightedDraw } from "./weighted-draw.ts";
import type { Picker } from "./picker.ts";

/** Up to this many endpoints all are compared: as cheap as two draws, and never wrong (semantics.md 7). */
const FULL_SCAN_MAX = 4;

/**
 * Prefers the endpoint with the fewest requests in flight for its weight. Counts are exact: they are those of all the
 * proxy's workers.
 *
 * The first candidate is drawn by weight and loses only to a candidate with less load, so an idle cluster is shared by
 * weight and a busy one by speed. The others are drawn from the rest: two choices without replacement, because with it
 * two endpoints would meet the busier one in a quarter of the picks (envoy `least_request`, FULL_SCAN).
 */
export class LeastRequestPicker implements Picker {
  readonly #endpoints: readonly EndpointState[];
  readonly #weights: readonly number[];
  readonly #draw: WeightedDraw;
  readonly #choices: number;

  /** `choices` is 2 or more (Envoy `choice_count`). */
  constructor(members: readonly Member[], choices: number) {
    this.#endpoints = members.map(({ state }) => state);
    this.#weights = members.map(({ weight }) => weight);
    this.#draw = new WeightedDraw(this.#weights);
    this.#choices = choices;
  }

  // Hot.
  pick(_hash: number, random: Random): EndpointState | undefined {
    const size = this.#endpoints.length;
    const first = this.#draw.draw(random);
    let best = first;
    if (size <= FULL_SCAN_MAX || size <= this.#choices) {
      for (let step = 1; step < size; step += 1) best = this.#lessLoaded(best, (first + step) % size);
    } else {
      // Beyond two choices the others may coincide; each still differs from the first.
      for (let choice = 1; choice < this.#choices; choice += 1) {
        best = this.#lessLoaded(best, this.#draw.drawOther(first, random));
      }
    }
    return this.#endpoints[best];
  }

  /** `candidate` when it has strictly less load for its weight, else `best`. */
  #lessLoaded(best: number, candidate: number): number {
    const bestLoad = (this.#endpoints[best]?.load ?? 0) * (this.#weights[candidate] ?? 1);
    const load = (this.#endpoints[candidate]?.load ?? 0) * (this.#weights[best] ?? 1);
    return load < bestLoad ? candidate : best;
  }
}
