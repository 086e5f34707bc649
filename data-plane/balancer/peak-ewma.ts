import type { Random } from "../../shared/random.ts";
import type { Verdict } from "../policy/verdict.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { Member } from "./eligible.ts";
import type { Picker } from "./picker.ts";
import { WeightedDraw } from "./weighted-draw.ts";

export interface PeakEwmaOptions {
  /** Time constant of the decay. */
  readonly decayMs: number;
  /** What an endpoint without an answer yet is taken for. */
  readonly defaultRttMs: number;
}

/**
 * A failure counts as an answer after this long, or after what its Retry-After asks for up to the maximum: who fails at
 * once must not look like the fastest (linkerd `load-biaser`).
 */
const PENALTY_MS = 5_000;
const PENALTY_MAX_MS = 300_000;

/** How an attempt went, and after how many milliseconds that was known. */
export interface RttSample {
  readonly verdict: Verdict;
  readonly latencyMs: number;
  readonly nowMs: number;
}

/**
 * Prefers the endpoint that answers sooner (Linkerd's default, semantics.md 7): of two drawn by weight the one with the
 * lower cost,
 *
 *     peak of its response times, decayed x (requests in flight + 1)
 *
 * A slower answer than expected counts at once and whole, a faster one little by little; without answers the peak decays,
 * so one that was slow is tried again. Equal costs leave the choice to the weights.
 */
export class PeakEwmaPicker implements Picker {
  readonly #endpoints: readonly EndpointState[];
  readonly #draw: WeightedDraw;
  readonly #options: PeakEwmaOptions;

  constructor(members: readonly Member[], options: PeakEwmaOptions) {
    this.#endpoints = members.map(({ state }) => state);
    this.#draw = new WeightedDraw(members.map(({ weight }) => weight));
    this.#options = options;
  }

  // Hot.
  pick(_hash: number, random: Random, nowMs: number): EndpointState | undefined {
    const index = this.#draw.draw(random);
    const first = this.#endpoints[index];
    if (first === undefined || this.#endpoints.length === 1) return first;
    const second = this.#endpoints[this.#draw.drawOther(index, random)];
    if (second === undefined) return first;
    return this.#cost(second, nowMs) < this.#cost(first, nowMs) ? second : first;
  }

  #cost(state: EndpointState, nowMs: number): number {
    return peakRttMs(state, nowMs, this.#options) * (state.load + 1);
  }
}

/** The decayed peak of an endpoint's response times. */
export function peakRttMs(state: EndpointState, nowMs: number, { decayMs, defaultRttMs }: PeakEwmaOptions): number {
  return state.peakRttMs < 0 ? defaultRttMs : state.peakRttMs * remainder(state, nowMs, decayMs);
}

/** Takes in how an attempt went; `askedMs` is what a failing endpoint asks for, if it does. Hot: once per attempt of such a cluster. */
export function recordRtt(
  state: EndpointState,
  { verdict, latencyMs, nowMs }: RttSample,
  askedMs: number | undefined,
  options: PeakEwmaOptions,
): void {
  const decayed = peakRttMs(state, nowMs, options);
  const isAnswer = verdict === "success" || verdict === "none";
  const sample = isAnswer ? latencyMs : Math.max(latencyMs, Math.min(askedMs ?? PENALTY_MS, PENALTY_MAX_MS));
  // Given up before an answer: one would have taken at least so long, which says something only if that is long.
  if (verdict === "none" && sample <= decayed) return;
  const isFirst = state.peakRttMs < 0;
  const isPeak = isFirst || sample > decayed;
  state.peakRttMs = isPeak ? sample : decayed + sample * (1 - remainder(state, nowMs, options.decayMs));
  state.peakRttAtMs = nowMs;
}

/** What is left of a peak: e^(-t/decay). */
function remainder({ peakRttAtMs }: EndpointState, nowMs: number, decayMs: number): number {
  return Math.exp(-Math.max(0, nowMs - peakRttAtMs) / decayMs);
}
