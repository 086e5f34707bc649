import { policySet, type PolicySet } from "./policy-sets.ts";
import { WELL, type ServiceShape } from "./sim-service.ts";

/** A story to be told with several sets of policies. Times are from its start. */
export interface Scenario {
  readonly name: string;
  /** One sentence. */
  readonly words: string;
  /** In the order in which they call each other. */
  readonly services: readonly ServiceShape[];
  /** Requests of the client in a second. */
  readonly rate: (nowMs: number) => number;
  /** The time in which something is wrong. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The client stops sending. */
  readonly endMs: number;
  readonly sets: readonly PolicySet[];
}

export interface ScenarioOptions {
  readonly hops: number;
  readonly rate: number;
}

const FROM_MS = 10_000;
const UNTIL_MS = 30_000;
/** A breaker that opened at the last moment has closed again by then. */
const END_MS = 90_000;

const EASY = { replicas: 2, workers: 1_000, queueMax: 1_000, workMs: 2, sigma: 0.3, script: () => WELL };

const EVERYTHING = { retries: true, knowsHops: true, budget: true, breaker: true, outlier: true };

/** The 243x of seed F3.6: three attempts on each of five hops, and the last service fails altogether. */
export function storm({ hops, rate }: ScenarioOptions): Scenario {
  const services: ServiceShape[] = Array.from({ length: hops }, (_, at) => ({ ...EASY, name: `s${at + 1}` }));
  const leaf: ServiceShape = {
    ...EASY,
    name: `s${hops}`,
    script: (nowMs) => ({ slowness: 1, fails: nowMs >= FROM_MS && nowMs < UNTIL_MS }),
  };
  return {
    name: "storm",
    words: `the last of ${hops} services fails every request for 20 s`,
    services: [...services.slice(0, -1), leaf],
    rate: () => rate,
    fromMs: FROM_MS,
    untilMs: UNTIL_MS,
    endMs: END_MS,
    sets: [
      policySet("no policies", {}),
      policySet("retries alone", { retries: true, isPatient: true }),
      policySet("+ deadline", { retries: true }),
      policySet("+ retry budget", { retries: true, budget: true }),
      policySet("+ one hop retries", { retries: true, budget: true, knowsHops: true }),
      policySet("+ circuit breaker", { retries: true, budget: true, knowsHops: true, breaker: true }),
      policySet("everything", EVERYTHING),
    ],
  };
}

/** Seed F3.8: one bad replica, not the whole cluster. */
export function badReplica({ rate }: ScenarioOptions): Scenario {
  const script: ServiceShape["script"] = (nowMs, replica) => {
    return replica === 2 && nowMs >= FROM_MS && nowMs < UNTIL_MS ? { slowness: 20, fails: true } : WELL;
  };
  return {
    name: "bad-replica",
    words: "one of three replicas is slow and fails for 20 s",
    services: [{ ...EASY, name: "reviews", replicas: 3, workMs: 10, script }],
    rate: () => rate,
    fromMs: FROM_MS,
    untilMs: UNTIL_MS,
    endMs: END_MS,
    sets: [
      policySet("no policies", {}),
      policySet("retries alone", { retries: true }),
      policySet("outlier ejection", { outlier: true }),
      policySet("everything", EVERYTHING),
    ],
  };
}

/** Three times as many requests as the service can serve (issue of the thundering herd). */
export function herd(): Scenario {
  // Two replicas with ten workers of 20 ms each: a thousand requests in a second.
  const shape: ServiceShape = {
    name: "checkout",
    replicas: 2,
    workers: 10,
    queueMax: 100_000,
    workMs: 20,
    sigma: 0.2,
    script: () => WELL,
  };
  return {
    name: "herd",
    words: "three times the capacity of the service arrives for 20 s",
    services: [shape],
    rate: (nowMs) => (nowMs >= FROM_MS && nowMs < UNTIL_MS ? 3_000 : 500),
    fromMs: FROM_MS,
    untilMs: UNTIL_MS,
    endMs: 60_000,
    sets: [
      policySet("no policies", {}),
      policySet("retries alone", { retries: true }),
      policySet("at most 40 at once", { requestsMax: 40 }),
      policySet("the same, and retries", { retries: true, budget: true, knowsHops: true, requestsMax: 40 }),
    ],
  };
}

/** By the name of the command line. */
export const SCENARIOS: Readonly<Record<string, (options: ScenarioOptions) => Scenario>> = {
  storm,
  "bad-replica": badReplica,
  herd,
};
