import type { Outcome } from "../../cli/demo/open-loop.ts";
import type { Sighting } from "./mesh.ts";

/** The two ends of a run, reconciled: what the generator got, against what the services saw. */
export interface Reconciliation {
  readonly sent: number;
  readonly answered: number;
  readonly failures: readonly Failure[];
  /** Answered requests that no service saw. */
  readonly unseen: readonly string[];
  /** POST requests that were served more than once. */
  readonly doubled: readonly string[];
  /** GET requests that were served more than once: retries, allowed. */
  readonly retried: number;
}

export interface Failure {
  readonly id: string;
  readonly phase: string;
  readonly method: string;
  readonly reason: string;
  readonly status: number;
  /** The instances that saw it. */
  readonly seenBy: readonly string[];
}

/** Notes every outcome with the phase it was due in. */
export class Ledger {
  readonly #outcomes: { readonly outcome: Outcome; readonly phase: string }[] = [];
  readonly #waiting: { count: number; done: () => void }[] = [];
  phase = "start";

  note(outcome: Outcome): void {
    this.#outcomes.push({ outcome, phase: this.phase });
    for (const waiter of this.#waiting) waiter.count -= 1;
    for (const waiter of this.#waiting.splice(0)) {
      if (waiter.count > 0) this.#waiting.push(waiter);
      else waiter.done();
    }
  }

  /** Settles after `count` more outcomes: how a phase lasts, in requests rather than in seconds. */
  async outcomes(count: number): Promise<void> {
    await new Promise<void>((done) => this.#waiting.push({ count, done }));
  }

  reconcile(seen: ReadonlyMap<string, readonly Sighting[]>): Reconciliation {
    const failed = this.#outcomes.filter(({ outcome }) => outcome.failure !== undefined);
    const answered = this.#outcomes.filter(({ outcome }) => outcome.failure === undefined);
    const servedTwice = [...seen].filter(([, sightings]) => sightings.length > 1);
    return {
      sent: this.#outcomes.length,
      answered: answered.length,
      failures: failed.map(({ outcome, phase }) => ({
        id: outcome.id,
        phase,
        method: outcome.request.method,
        reason: `${outcome.failure ?? ""} (x-heddle-error: ${String(outcome.headers["x-heddle-error"] ?? "-")})`,
        status: outcome.status,
        seenBy: (seen.get(outcome.id) ?? []).map(({ instance }) => instance),
      })),
      unseen: answered.filter(({ outcome }) => !seen.has(outcome.id)).map(({ outcome }) => outcome.id),
      doubled: servedTwice.filter(([, sightings]) => sightings[0]?.method === "POST").map(([id]) => id),
      retried: servedTwice.filter(([, sightings]) => sightings[0]?.method === "GET").length,
    };
  }

  /** Latency at a quantile of all outcomes, in milliseconds from the time a request was due. */
  latencyMs(quantile: number): number {
    const sorted = this.#outcomes.map(({ outcome }) => outcome.latencyMs).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0;
  }
}
