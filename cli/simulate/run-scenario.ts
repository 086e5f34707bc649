import type { PolicySet } from "./policy-sets.ts";
import type { Scenario } from "./scenarios.ts";
import { buildMesh, type SimMesh } from "./sim-mesh.ts";
import { SimWorld } from "./sim-world.ts";

/** Requests sent in one part of a story, and how they were answered. */
export class Phase {
  sent = 0;
  succeeded = 0;
  readonly #latenciesMs: number[] = [];

  onAnswer(status: number, latencyMs: number): void {
    if (status < 500) this.succeeded += 1;
    this.#latenciesMs.push(latencyMs);
  }

  get answered(): number {
    return this.#latenciesMs.length;
  }

  /** Of all answers, good and bad. */
  latencyMs(quantile: number): number {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? 0;
  }
}

export interface Outcomes {
  readonly set: string;
  readonly before: Phase;
  readonly during: Phase;
  readonly after: Phase;
  /** Requests that reached the last service while something was wrong, for each that the client sent. */
  readonly amplification: number;
  /** From the end of what was wrong to the first of a hundred requests in a row that succeed; Infinity: never. */
  readonly recoveryMs: number;
  readonly refused: number;
  readonly ejections: number;
  readonly opens: number;
  /** Replicas that got nothing in the last part, when all was well again. */
  readonly starved: number;
  /** Requests of the last part that failed, when all should have been well again. */
  readonly lateFailures: number;
  /** What must be given back and was not, should have ended and has not, or was spent without right: empty, or a bug. */
  readonly leaks: readonly string[];
}

/** Everything that began has ended by then: the longest ejection and the longest open time of the defaults are over. */
const SETTLE_MS = 700_000;
const RECOVERED_IN_ROW = 100;

/**
 * Tells one story with one set of policies. Equal seeds give equal outcomes. After `wellMs` everything should be well
 * again, and what is not is told.
 */
export function runScenario(scenario: Scenario, set: PolicySet, seed: number, wellMs = scenario.endMs): Outcomes {
  const world = new SimWorld(seed);
  const mesh = buildMesh(world, scenario.services, set);
  const phases = { before: new Phase(), during: new Phase(), after: new Phase() };
  const recovery = new Recovery(scenario.untilMs);
  let lateFailures = 0;
  sendAll(scenario, world, (sentMs) => {
    const phase = sentMs < scenario.fromMs ? phases.before : sentMs < scenario.untilMs ? phases.during : phases.after;
    phase.sent += 1;
    mesh.client.call({ isRepeated: false, deadlineMs: Infinity }, ({ status }) => {
      phase.onAnswer(status, world.nowMs() - sentMs);
      recovery.onAnswer(status, sentMs);
      if (sentMs >= wellMs && status >= 500) lateFailures += 1;
    });
  });
  world.run(scenario.fromMs);
  const arrivedBefore = arrivedAtLeaf(mesh);
  world.run(scenario.untilMs);
  const arrived = arrivedAtLeaf(mesh) - arrivedBefore;
  world.run(wellMs);
  const arrivedThen = mesh.replicas.flat().map((replica) => replica.arrived);
  world.run(scenario.endMs + SETTLE_MS);
  return {
    set: set.name,
    ...phases,
    amplification: arrived / phases.during.sent,
    recoveryMs: recovery.ms,
    refused: mesh.callers.reduce((sum, { counts }) => sum + counts.refused, 0),
    ejections: mesh.watches.reduce((sum, { ejections }) => sum + [...ejections.values()].reduce((a, b) => a + b, 0), 0),
    opens: mesh.callers.reduce((sum, { cluster }) => sum + cluster.state.service.breaker.opens, 0),
    starved: mesh.replicas.flat().filter(({ arrived }, at) => arrived === arrivedThen[at]).length,
    lateFailures,
    leaks: [...leaksOf(mesh), ...unanswered(Object.values(phases)), ...overspent(mesh, scenario.endMs / 1_000)],
  };
}

/** Poisson arrivals, as those of many independent clients. */
function sendAll(scenario: Scenario, world: SimWorld, send: (sentMs: number) => void): void {
  const next = (): void => {
    const nowMs = world.nowMs();
    if (nowMs >= scenario.endMs) return;
    send(nowMs);
    world.after((-Math.log(1 - world.random.unit()) * 1_000) / scenario.rate(nowMs), next);
  };
  next();
}

class Recovery {
  readonly #fromMs: number;
  #inRow = 0;
  #beganMs = Infinity;
  ms = Infinity;

  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  onAnswer(status: number, sentMs: number): void {
    if (sentMs < this.#fromMs || this.ms < Infinity) return;
    if (status >= 500) {
      this.#inRow = 0;
      return;
    }
    if (this.#inRow === 0) this.#beganMs = sentMs;
    this.#inRow += 1;
    if (this.#inRow === RECOVERED_IN_ROW) this.ms = this.#beganMs - this.#fromMs;
  }
}

function arrivedAtLeaf({ replicas }: SimMesh): number {
  return (replicas.at(-1) ?? []).reduce((sum, { arrived }) => sum + arrived, 0);
}

function leaksOf({ callers, watches, replicas }: SimMesh): readonly string[] {
  const leaks: string[] = [];
  for (const { cluster } of callers) {
    const { requests, retries } = cluster.state;
    if (requests.active !== 0) leaks.push(`${requests.active} permits of ${cluster.name} were not given back`);
    if (retries.active !== 0) leaks.push(`${retries.active} retries of ${cluster.name} were not given back`);
    for (const { key, active } of cluster.endpoints) if (active !== 0) leaks.push(`${active} active at ${key}`);
  }
  for (const { cluster, ejectedCount } of watches) {
    if (ejectedCount !== 0) leaks.push(`${ejectedCount} ejections of ${cluster.name} have not ended`);
  }
  for (const replica of replicas.flat()) if (!replica.isIdle) leaks.push("a replica still works");
  return leaks;
}

/** Retries beyond what the budgets of their callers can have granted in so many seconds. */
function overspent({ callers }: SimMesh, seconds: number): readonly string[] {
  return callers.flatMap(({ cluster, counts }) => {
    const budget = cluster.policies.retryBudget;
    if (budget === undefined) return [];
    // A retry may come as late as the last window ends.
    const granted = budget.ratio * counts.calls + budget.minPerSec * (seconds + (2 * budget.windowMs) / 1_000) + 1;
    return counts.retries <= granted ? [] : [`${counts.retries} retries of ${cluster.name}, granted were ${granted}`];
  });
}

function unanswered(phases: readonly Phase[]): readonly string[] {
  const open = phases.reduce((sum, { sent, answered }) => sum + sent - answered, 0);
  return open === 0 ? [] : [`${open} requests were never answered`];
}
