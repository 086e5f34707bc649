import { runScenario, type Outcomes } from "../../cli/simulate/run-scenario.ts";
import type { PolicySet } from "../../cli/simulate/policy-sets.ts";
import type { Scenario } from "../../cli/simulate/scenarios.ts";
import { WELL, type Condition, type ServiceShape } from "../../cli/simulate/sim-service.ts";
import { DEFAULT_POLICY } from "../../control-plane/catalog/default-policy.ts";
import { clusterPolicies } from "../../control-plane/snapshot/cluster-policies.ts";
import { forwardOf } from "../../control-plane/snapshot/forwarding.ts";
import { NO_POLICIES } from "../../shared/model/cluster-policy.ts";
import { seededRandom, type Random } from "../../shared/random.ts";

/** What is wrong in a world, from 2 s to 6 s: some replicas of some services fail, or are slow, or both. */
const FROM_MS = 2_000;
const UNTIL_MS = 6_000;
/** Everything that the policies below open or eject has closed and come back by then. */
const WELL_AGAIN_MS = 30_000;
const END_MS = 34_000;

export interface World {
  readonly scenario: Scenario;
  readonly set: PolicySet;
}

/** A small mesh with policies drawn by chance, short times throughout, and something that goes wrong and ends. */
export function randomWorld(seed: number): World {
  const random = seededRandom(seed);
  const hops = 1 + random.below(3);
  const services = Array.from({ length: hops }, (_, at) => randomService(`s${at + 1}`, random));
  const rate = 20 + random.below(60);
  const set = randomPolicies(random);
  const scenario: Scenario = {
    name: "random",
    words: "",
    services,
    rate: () => rate,
    fromMs: FROM_MS,
    untilMs: UNTIL_MS,
    endMs: END_MS,
    sets: [set],
  };
  return { scenario, set };
}

export function run({ scenario, set }: World, seed: number): Outcomes {
  return runScenario(scenario, set, seed, WELL_AGAIN_MS);
}

function randomService(name: string, random: Random): ServiceShape {
  const replicas = 1 + random.below(4);
  const broken = Array.from({ length: replicas }, (): Condition => {
    const isBroken = random.below(3) === 0;
    return isBroken ? { slowness: 1 + random.below(30), fails: random.below(4) > 0 } : WELL;
  });
  return {
    name,
    replicas,
    // All of it far from its bounds when it is well: what fails then is a policy's fault.
    workers: 10 + random.below(50),
    queueMax: 50 + random.below(200),
    workMs: 1 + random.below(8),
    sigma: random.unit() / 2,
    script: (nowMs, replica) => (nowMs >= FROM_MS && nowMs < UNTIL_MS ? (broken[replica] ?? WELL) : WELL),
  };
}

function randomPolicies(random: Random): PolicySet {
  const one = <T>(...values: readonly T[]): T => values[random.below(values.length)] as T;
  const defaults = clusterPolicies({
    ...DEFAULT_POLICY,
    retryBudgetPercent: one(0, 20, 50),
    retryBudgetMinPerSec: one(0, 1, 3),
    retryBudgetWindowSec: one(1, 2, 10),
    cbThreshold: one(10, 50, 90),
    cbWindowSec: one(1, 5),
    cbConsecutiveFailures: one(0, 3, 5),
    cbRecoverySec: one(1, 2),
    cbSuccesses: one(1, 2, 5),
    outlierConsecutive5xx: one(0, 3, 5),
    outlierIntervalMs: one(500, 1_000),
    outlierBaseEjectionMs: one(500, 1_000),
    outlierMaxEjectionMs: 4_000,
    outlierMaxEjectionPercent: one(10, 50, 100),
    outlierFailurePercentage: one(0, 80),
    outlierMinHosts: 2,
    outlierMinRequests: 5,
    maxRequests: one(null, 50),
    maxRetries: one(null, 0, 5),
  });
  const { retry } = forwardOf({ ...DEFAULT_POLICY, retryAttempts: one(1, 2, 3, 5) });
  return {
    name: "random",
    rules: { timeoutMs: one(1_000, 3_000), retry, knowsHops: random.below(2) === 0 },
    policies: {
      ...NO_POLICIES,
      limits: one(NO_POLICIES.limits, defaults.limits),
      retryBudget: one(undefined, defaults.retryBudget),
      // Ten times the first time is longer than these worlds last.
      breaker: one(undefined, defaults.breaker && { ...defaults.breaker, recoveryMaxMs: 4_000 }),
      outlier: one(undefined, defaults.outlier),
    },
  };
}
