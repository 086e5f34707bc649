import type { Outcome } from "./open-loop.ts";

/** What happened to the requests that were sent during one phase. */
export interface PhaseTally {
  readonly name: string;
  sent: number;
  answered: number;
  failed: number;
  /** Answers by the version of reviews that took part. */
  readonly versions: Map<string, number>;
  readonly latenciesMs: number[];
}

/** At most this many failures are kept with their words. */
const FAILURES_KEPT = 10;

/** Counts the requests of the demo at the sending end, by phase, and reconciles them with what the services saw. */
export class Tally {
  readonly phases: PhaseTally[] = [];
  readonly failures: string[] = [];
  /** Ids of all requests that were answered. */
  readonly #answered = new Set<string>();
  /** By service, how often each id arrived at its programs. */
  readonly #seen = new Map<string, Map<string, number>>();
  readonly #phaseOf: PhaseTally[] = [];

  /** Requests that are sent from now on belong to this phase. */
  begin(name: string): PhaseTally {
    const phase = { name, sent: 0, answered: 0, failed: 0, versions: new Map<string, number>(), latenciesMs: [] };
    this.phases.push(phase);
    return phase;
  }

  onSent(sequence: number): void {
    const phase = this.phases.at(-1);
    if (phase === undefined) return;
    this.#phaseOf[sequence] = phase;
    phase.sent += 1;
  }

  onOutcome(outcome: Outcome): void {
    const phase = this.#phaseOf[outcome.sequence];
    if (phase === undefined) return;
    phase.latenciesMs.push(outcome.latencyMs);
    if (outcome.failure === undefined) {
      phase.answered += 1;
      this.#answered.add(outcome.id);
      const version = reviewsVersion(outcome);
      phase.versions.set(version, (phase.versions.get(version) ?? 0) + 1);
      return;
    }
    phase.failed += 1;
    if (this.failures.length < FAILURES_KEPT) {
      this.failures.push(`${phase.name}: ${outcome.request.method} ${outcome.request.path}: ${outcome.failure}`);
    }
  }

  onSeen(service: string, ids: readonly string[]): void {
    const seen = this.#seen.get(service) ?? new Map<string, number>();
    for (const id of ids) seen.set(id, (seen.get(id) ?? 0) + 1);
    this.#seen.set(service, seen);
  }

  get totals(): { readonly sent: number; readonly answered: number; readonly failed: number } {
    const sum = (count: (phase: PhaseTally) => number): number => this.phases.reduce((all, one) => all + count(one), 0);
    return {
      sent: sum(({ sent }) => sent),
      answered: sum(({ answered }) => answered),
      failed: sum(({ failed }) => failed),
    };
  }

  /** By service: how many of the answered requests reached it, and how many arrived there more than once (retries). */
  reconciled(): readonly {
    readonly service: string;
    readonly requests: number;
    readonly missing: number;
    readonly twice: number;
  }[] {
    return [...this.#seen].toSorted().map(([service, seen]) => ({
      service,
      requests: seen.size,
      missing: [...this.#answered].filter((id) => !seen.has(id)).length,
      twice: [...seen.values()].filter((times) => times > 1).length,
    }));
  }
}

/** The version of reviews that took part in an answer, which names everyone who did. */
export function reviewsVersion({ body }: Outcome): string {
  return /reviews (\S+)/.exec(body)?.[1] ?? "none";
}

/** The share of answers that a version gave, 0 to 1; NaN without answers. */
export function shareOf(phase: PhaseTally, version: string): number {
  return (phase.versions.get(version) ?? 0) / phase.answered;
}

/** The smallest value that at least `share` of all are not above; 0 when there is none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
