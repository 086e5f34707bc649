import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { Picker } from "./picker.ts";

/**
 * Splits picks between the priorities that share a cluster's load. A hash decides that too, where there is one, or equal
 * keys would reach different endpoints (Envoy does the same).
 */
export class PriorityPicker implements Picker {
  readonly #pickers: readonly Picker[];
  /** Percent of the load up to and with the picker of the same index; the last is 100. */
  readonly #upTo: readonly number[];

  constructor(pickers: readonly Picker[], loadPercents: readonly number[]) {
    let sum = 0;
    this.#pickers = pickers;
    this.#upTo = loadPercents.map((percent) => (sum += percent));
  }

  // Hot.
  pick(hash: number, random: Random, nowMs: number): EndpointState | undefined {
    const percent = hash < 0 ? random.below(100) : hash % 100;
    let index = 0;
    while (index < this.#pickers.length - 1 && percent >= (this.#upTo[index] ?? 100)) index += 1;
    return this.#pickers[index]?.pick(hash, random, nowMs);
  }
}
