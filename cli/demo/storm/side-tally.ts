import { percentile } from "../tally.ts";

/** How a request of the client ended: answered by all services, answered without ratings, or not answered well. */
export type Ending = "full" | "fallback" | "failed";

/** What happened in a stretch of time, from the requests that were sent in it. */
export interface Stretch {
  readonly sent: number;
  readonly full: number;
  readonly fallback: number;
  readonly failed: number;
  readonly latenciesMs: readonly number[];
  /** Requests that arrived at the program of ratings in that time. */
  readonly reached: number;
}

interface Sent {
  readonly atMs: number;
  ending: Ending | undefined;
  latencyMs: number;
}

/** At most this many failures are kept with their words. */
const FAILURES_KEPT = 10;
/** A service is itself again when it has answered everything for this long. */
const STEADY_MS = 1_000;

/**
 * What one side of the storm did, counted at both ends: requests of the client, and those that reached the service that
 * fails. Bounded by the length of the story and the largest rate. Pure: time comes in.
 */
export class SideTally {
  /** Words of the first failures. */
  readonly failures: string[] = [];
  readonly #sent: Sent[] = [];
  readonly #arrivals: { readonly atMs: number; readonly count: number }[] = [];

  onSent(atMs: number): void {
    this.#sent.push({ atMs, ending: undefined, latencyMs: 0 });
  }

  /** `sequence`: the number of the request, from 0, in the order in which they were sent. */
  onEnding(sequence: number, ending: Ending, latencyMs: number): void {
    const request = this.#sent[sequence];
    if (request === undefined) return;
    request.ending = ending;
    request.latencyMs = latencyMs;
  }

  onFailure(words: string): void {
    if (this.failures.length < FAILURES_KEPT) this.failures.push(words);
  }

  onReached(atMs: number, count: number): void {
    this.#arrivals.push({ atMs, count });
  }

  /** By the time they were sent. Requests that have not ended are none of its endings. */
  stretch(fromMs: number, toMs: number): Stretch {
    return this.#summary(
      this.#sent.filter(({ atMs }) => atMs >= fromMs && atMs < toMs),
      fromMs,
      toMs,
    );
  }

  /** The same, of the requests that ended in that time: what a person sees while it goes on. */
  ended(fromMs: number, toMs: number): Stretch {
    const ended = ({ atMs, ending, latencyMs }: Sent): boolean =>
      ending !== undefined && atMs + latencyMs >= fromMs && atMs + latencyMs < toMs;
    return this.#summary(this.#sent.filter(ended), fromMs, toMs);
  }

  /** From `sinceMs` to the first request with which a whole second of full answers begins; undefined: there was none. */
  steadyAfterMs(sinceMs: number): number | undefined {
    let fromMs: number | undefined;
    for (const { atMs, ending } of this.#sent) {
      if (atMs < sinceMs) continue;
      if (ending !== "full") fromMs = undefined;
      else {
        fromMs ??= atMs;
        if (atMs - fromMs >= STEADY_MS) return fromMs - sinceMs;
      }
    }
    return undefined;
  }

  #summary(requests: readonly Sent[], fromMs: number, toMs: number): Stretch {
    const count = (wanted: Ending): number => requests.filter(({ ending }) => ending === wanted).length;
    const arrivals = this.#arrivals.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return {
      sent: requests.length,
      full: count("full"),
      fallback: count("fallback"),
      failed: count("failed"),
      latenciesMs: requests.filter(({ ending }) => ending !== undefined).map(({ latencyMs }) => latencyMs),
      reached: arrivals.reduce((sum, { count }) => sum + count, 0),
    };
  }
}

/** Requests at the service that fails, for each request of the client; NaN without any. */
export function amplification({ sent, reached }: Stretch): number {
  return reached / sent;
}

/** Share of the requests that have ended that got an answer, of whatever kind; NaN without any. */
export function success({ full, fallback, failed }: Stretch): number {
  return (full + fallback) / (full + fallback + failed);
}

export function p99Ms({ latenciesMs }: Stretch): number {
  return percentile(latenciesMs, 0.99);
}
