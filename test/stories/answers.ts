import { OpenLoopLoad, type Outcome, type PlannedRequest } from "../../cli/demo/open-loop.ts";
import type { Address } from "../../shared/address.ts";

/** Requests at a fixed rate, whatever becomes of them. */
export interface Calls {
  /** The outbound port of the caller's proxy. */
  readonly from: Address;
  readonly to: string;
  /** Requests per second. */
  readonly rate: number;
  /** How many of them; or as many as go with something else that happens meanwhile. */
  readonly count: number | Promise<unknown>;
  readonly plan?: (sequence: number) => Partial<PlannedRequest>;
}

/** Longer than any timeout of a story: the mesh has to answer by itself. */
const CALLER_PATIENCE_MS = 60_000;

/** What callers got. */
export class Answers {
  readonly all: readonly Outcome[];
  /** From the first request to the last answer. */
  readonly elapsedMs: number;

  constructor(all: readonly Outcome[], elapsedMs: number) {
    this.all = all;
    this.elapsedMs = elapsedMs;
  }

  get sent(): number {
    return this.all.length;
  }

  /** The service's own answer, of 200. */
  get well(): readonly Outcome[] {
    return this.all.filter(({ failure }) => failure === undefined);
  }

  get fallbacks(): readonly Outcome[] {
    return this.all.filter(({ headers }) => headers["x-heddle-fallback"] !== undefined);
  }

  /**
   * Neither the service's answer nor a fallback; without what a proxy refused because its event loop was late (OM). A story is
   * not about a machine with too little time for its processes.
   */
  get failed(): readonly Outcome[] {
    const served = new Set([...this.well, ...this.fallbacks, ...this.because("load-shed")]);
    return this.all.filter((outcome) => !served.has(outcome));
  }

  /** Answers of a proxy for one of these reasons (`x-heddle-error`). */
  because(...reasons: readonly string[]): readonly Outcome[] {
    return this.all.filter(({ headers }) => reasons.includes(String(headers["x-heddle-error"])));
  }

  /** Of these, the time below which the share `quantile` of them was answered, in milliseconds from when each was due. */
  latencyMs(quantile: number, of: readonly Outcome[] = this.all): number {
    const sorted = of.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0;
  }

  /** For the report of a failure: how many requests ended how. */
  get summary(): string {
    const ends = new Map<string, number>();
    for (const { status, headers, failure } of this.all) {
      const why = headers["x-heddle-fallback"] === undefined ? (headers["x-heddle-error"] ?? "") : "fallback";
      const end = `${status === 0 ? failure : status} ${String(why)}`.trim();
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    const seconds = (this.elapsedMs / 1000).toFixed(1);
    const parts = [...ends].map(([end, count]) => `${count} x ${end}`);
    return `${this.sent} in ${seconds} s: ${parts.join(", ")}; p99 ${this.latencyMs(0.99).toFixed(0)} ms`;
  }
}

/** Makes the calls and settles when each has its outcome. */
export async function answersTo({ from, to, rate, count, plan = () => ({}) }: Calls): Promise<Answers> {
  const outcomes: Outcome[] = [];
  const allSent = Promise.withResolvers<void>();
  const startedMs = performance.now();
  const load = new OpenLoopLoad({
    rate,
    target: () => from,
    timeoutMs: CALLER_PATIENCE_MS,
    plan: (sequence) => {
      if (typeof count === "number" && sequence === count - 1) allSent.resolve();
      return { method: "GET", path: "/", host: to, ...plan(sequence) };
    },
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  load.start();
  try {
    await (typeof count === "number" ? allSent.promise : count);
  } finally {
    await load.stop();
  }
  return new Answers(outcomes, performance.now() - startedMs);
}
