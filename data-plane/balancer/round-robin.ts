import type { Random } from "../../shared/random.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { Member } from "./eligible.ts";
import type { Picker } from "./picker.ts";

/**
 * What part of its period each endpoint still has to wait for its next turn, in [0, 1]. Handed from a round-robin picker
 * to the one that replaces it, so that a push neither restarts the round nor sends two requests in a row to one endpoint.
 */
export type Waits = ReadonlyMap<EndpointState, number>;

export interface RoundRobinPicker extends Picker {
  waits(): Waits;
}

/**
 * Round robin by weight. Endpoints that are new wait a random part of their period: proxies that get the same push
 * at the same time must not all start with the same endpoint.
 */
export function roundRobin(members: readonly Member[], before: Waits | undefined, random: Random): RoundRobinPicker {
  const waiting = members.map(({ state, weight }) => ({ state, weight, wait: before?.get(state) ?? random.unit() }));
  const first = waiting[0];
  if (first === undefined || waiting.every(({ weight }) => weight === first.weight)) {
    // A stable sort: ties keep the order of the assignment.
    return new Rotation(waiting.sort((a, b) => a.wait - b.wait).map(({ state }) => state));
  }
  return new EarliestDeadline(waiting);
}

/** Equal weights: one after the other. */
class Rotation implements RoundRobinPicker {
  readonly #endpoints: readonly EndpointState[];
  #next = 0;

  constructor(endpoints: readonly EndpointState[]) {
    this.#endpoints = endpoints;
  }

  pick(): EndpointState | undefined {
    const picked = this.#endpoints[this.#next];
    this.#next = this.#next + 1 >= this.#endpoints.length ? 0 : this.#next + 1;
    return picked;
  }

  waits(): Waits {
    const size = this.#endpoints.length;
    return new Map(this.#endpoints.map((state, index) => [state, ((index - this.#next + size) % size) / size]));
  }
}

interface Waiting {
  readonly state: EndpointState;
  readonly weight: number;
  readonly wait: number;
}

/**
 * Unequal weights: earliest deadline first, as Envoy's `edf_scheduler.h`. A binary heap of deadlines in virtual time; the
 * endpoint on top is picked and due again 1/weight later. Ties go to whoever has waited longer. Shares are exact
 * over any long run, and the picks of a heavy endpoint are spread out instead of bunched. Virtual time is at most picks divided by
 * the largest weight, so adding 1/weight to it stays exact enough for some 2^50 picks.
 */
class EarliestDeadline implements RoundRobinPicker {
  readonly #endpoints: readonly EndpointState[];
  readonly #periods: Float64Array;
  readonly #deadlines: Float64Array;
  /** When an endpoint was queued last, for ties. */
  readonly #queued: Float64Array;
  /** Indexes of endpoints; each parent is due before its children. */
  readonly #heap: Int32Array;
  #now = 0;
  #turn: number;

  constructor(waiting: readonly Waiting[]) {
    this.#endpoints = waiting.map(({ state }) => state);
    this.#periods = Float64Array.from(waiting, ({ weight }) => 1 / weight);
    this.#deadlines = Float64Array.from(waiting, ({ weight, wait }) => wait / weight);
    this.#queued = Float64Array.from(waiting, (_, index) => index);
    this.#heap = Int32Array.from(waiting, (_, index) => index);
    this.#turn = waiting.length;
    for (let at = (waiting.length >> 1) - 1; at >= 0; at -= 1) this.#siftDown(at);
  }

  // Hot.
  pick(): EndpointState | undefined {
    const top = this.#heap[0] ?? 0;
    this.#now = this.#deadlines[top] ?? 0;
    this.#deadlines[top] = this.#now + (this.#periods[top] ?? 0);
    this.#queued[top] = this.#turn;
    this.#turn += 1;
    this.#siftDown(0);
    return this.#endpoints[top];
  }

  waits(): Waits {
    return new Map(
      this.#endpoints.map((state, index) => {
        const left = ((this.#deadlines[index] ?? 0) - this.#now) / (this.#periods[index] ?? 1);
        return [state, Math.min(1, Math.max(0, left))];
      }),
    );
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const moved = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isDueBefore(heap[child + 1] ?? 0, heap[child] ?? 0)) child += 1;
      const due = heap[child] ?? 0;
      if (!this.#isDueBefore(due, moved)) break;
      heap[at] = due;
      at = child;
    }
    heap[at] = moved;
  }

  #isDueBefore(a: number, b: number): boolean {
    const difference = (this.#deadlines[a] ?? 0) - (this.#deadlines[b] ?? 0);
    return difference < 0 || (difference === 0 && (this.#queued[a] ?? 0) < (this.#queued[b] ?? 0));
  }
}
