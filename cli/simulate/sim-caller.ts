import { decideRetry, type Outcome, type RetryState } from "../../data-plane/request/decide-retry.ts";
import { REFUSED } from "../../data-plane/policy/circuit-breaker.ts";
import { verdictOf, type Verdict } from "../../data-plane/policy/verdict.ts";
import { pickUntried } from "../../data-plane/balancer/pick-untried.ts";
import type { EndpointState } from "../../data-plane/runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../../data-plane/runtime/runtime.ts";
import type { RetryPolicy } from "../../shared/model/route.ts";
import { FAILED, type Replica, type SimAnswer, type SimRequest } from "./sim-service.ts";
import type { SimWorld } from "./sim-world.ts";

/** What a route says of the calls. */
export interface CallRules {
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  /** Only one hop retries a request, and its deadline only shrinks (`x-heddle-attempt`, `x-heddle-deadline-ms`). */
  readonly knowsHops: boolean;
}

/** What a caller's proxy has counted. */
export interface CallCounts {
  calls: number;
  attempts: number;
  retries: number;
  refused: number;
  timedOut: number;
}

/** One way between two hosts: a fraction of a millisecond. */
const WIRE_MS = 0.3;
const WIRE_SIGMA = 0.3;

/**
 * The proxy of one instance on its way to one service: asks the real machines in the order in which the request path asks
 * them, with the real cluster and its choice of endpoints. Only the sockets are made up.
 */
export class SimCaller {
  readonly counts: CallCounts = { calls: 0, attempts: 0, retries: 0, refused: 0, timedOut: 0 };
  readonly world: SimWorld;
  readonly cluster: ClusterRuntime;
  readonly rules: CallRules;
  readonly #replicas: ReadonlyMap<string, Replica>;

  /** `replicas` by the key of their endpoint. */
  constructor(world: SimWorld, cluster: ClusterRuntime, rules: CallRules, replicas: ReadonlyMap<string, Replica>) {
    this.world = world;
    this.cluster = cluster;
    this.rules = rules;
    this.#replicas = replicas;
  }

  /** `done` is called once. */
  call(request: SimRequest, done: (answer: SimAnswer) => void): void {
    this.counts.calls += 1;
    new SimCall(this, request, done).start();
  }

  /** Lets a request arrive at an endpoint, and its answer come back. */
  send(endpoint: EndpointState, request: SimRequest, done: (answer: SimAnswer) => void): void {
    const { world } = this;
    const replica = this.#replicas.get(endpoint.key);
    const wire = (task: () => void): void => world.after(world.latencyMs(WIRE_MS, WIRE_SIGMA), task);
    wire(() => replica?.handle(request, (answer) => wire(() => done(answer))));
  }
}

/** One call with its attempts: the simulated counterpart of ProxyRequest. */
class SimCall {
  readonly #caller: SimCaller;
  readonly #request: SimRequest;
  readonly #done: (answer: SimAnswer) => void;
  readonly #deadlineMs: number;
  #attempt: SimAttempt | undefined = undefined;
  #tried: readonly EndpointState[] = [];
  #attempts = 0;
  #isRetrying = false;
  /** A policy here said that there were retries enough: an earlier hop must not make them in its place. */
  #isCutOff = false;
  #isDone = false;

  constructor(caller: SimCaller, request: SimRequest, done: (answer: SimAnswer) => void) {
    this.#caller = caller;
    this.#request = request;
    this.#done = done;
    const { timeoutMs, knowsHops } = caller.rules;
    const ownMs = caller.world.nowMs() + timeoutMs;
    this.#deadlineMs = knowsHops ? Math.min(ownMs, request.deadlineMs) : ownMs;
  }

  start(): void {
    const { world, cluster } = this.#caller;
    const { retryBudget } = cluster.policies;
    if (retryBudget !== undefined) cluster.state.service.retryBudget.deposit(retryBudget, world.nowMs());
    world.after(Math.max(0, this.#deadlineMs - world.nowMs()), () => this.#onTimeout());
    this.#try();
  }

  #try(): void {
    if (this.#isDone) return;
    const { cluster, counts, world } = this.#caller;
    const { breaker } = cluster.state.service;
    const permit = cluster.policies.breaker === undefined ? 0 : breaker.admit(world.nowMs());
    if (permit === REFUSED) return this.#refuse();
    if (!cluster.state.requests.acquire(cluster.policies.limits.requests)) {
      breaker.giveBack(permit);
      return this.#refuse();
    }
    const endpoint = this.#pick();
    if (endpoint === undefined) {
      breaker.giveBack(permit);
      cluster.state.requests.release();
      return this.#end(FAILED);
    }
    counts.attempts += 1;
    this.#attempts += 1;
    this.#attempt = new SimAttempt(this.#caller, endpoint, permit);
    const { isRepeated } = this.#request;
    const knows = this.#caller.rules.knowsHops;
    const carried = {
      isRepeated: knows && (isRepeated || this.#attempts > 1),
      deadlineMs: knows ? this.#deadlineMs : Infinity,
    };
    return this.#attempt.start(carried, (answer) => this.#onAnswer(answer));
  }

  #pick(): EndpointState | undefined {
    const { choice } = this.#caller.cluster;
    const { random } = this.#caller.world;
    const nowMs = this.#caller.world.nowMs();
    const picked = choice.picker.pick(-1, random, nowMs);
    if (picked === undefined || !this.#tried.includes(picked)) return picked;
    return pickUntried(choice, this.#tried, random, nowMs);
  }

  #onAnswer(answer: SimAnswer): void {
    const attempt = this.#attempt;
    // A service that only passes on that there is no room is well itself (x-heddle-overloaded).
    const isHeard = this.#caller.rules.knowsHops && answer.isOverloaded;
    attempt?.end(isHeard ? "rate-limited" : verdictOf(answer.status));
    if (this.#isDone) return;
    if (answer.status >= 400 && this.#retries(answer, attempt)) return;
    this.#end(answer);
  }

  #retries(answer: SimAnswer, attempt: SimAttempt | undefined): boolean {
    const { world, cluster, rules } = this.#caller;
    const outcome: Outcome = {
      kind: "response",
      status: answer.status,
      isRaced: false,
      isFinal: rules.knowsHops && (answer.isRetried || answer.isOverloaded),
      isRateLimited: false,
      retryAfterMs: -1,
    };
    const state: RetryState = {
      policy: rules.retry,
      attempts: this.#attempts,
      isIdempotent: true,
      isReplayable: true,
      hasReplacedConnection: false,
      isRepeated: this.#request.isRepeated,
      remainingMs: this.#deadlineMs - world.nowMs(),
    };
    const waitMs = decideRetry(outcome, state, world.random.unit());
    if (waitMs < 0 || !this.#mayRetry()) {
      this.#isCutOff = waitMs >= 0;
      return false;
    }
    this.#caller.counts.retries += 1;
    if (attempt !== undefined) this.#tried = [...this.#tried, attempt.endpoint];
    if (!this.#isRetrying) this.#isRetrying = cluster.state.retries.acquire(cluster.policies.limits.retries);
    world.after(waitMs, () => this.#try());
    return true;
  }

  #mayRetry(): boolean {
    const { cluster, world } = this.#caller;
    const { retryBudget, limits } = cluster.policies;
    if (!this.#isRetrying && cluster.state.retries.active >= (limits.retries ?? Infinity)) return false;
    return retryBudget === undefined || cluster.state.service.retryBudget.withdraw(retryBudget, world.nowMs());
  }

  #refuse(): void {
    this.#caller.counts.refused += 1;
    this.#end({ ...FAILED, isOverloaded: true });
  }

  #onTimeout(): void {
    if (this.#isDone) return;
    this.#caller.counts.timedOut += 1;
    this.#attempt?.end("local");
    this.#end({ ...FAILED, status: 504 });
  }

  #end(answer: SimAnswer): void {
    this.#isDone = true;
    if (this.#isRetrying) this.#caller.cluster.state.retries.release();
    this.#done({ ...answer, isRetried: answer.isRetried || this.#isCutOff || this.#attempts > 1 });
  }
}

/** One attempt: holds a permit and counts as active at its endpoint until it ends. */
class SimAttempt {
  readonly endpoint: EndpointState;
  readonly #caller: SimCaller;
  readonly #permit: number;
  #isEnded = false;

  constructor(caller: SimCaller, endpoint: EndpointState, permit: number) {
    this.#caller = caller;
    this.endpoint = endpoint;
    this.#permit = permit;
  }

  start(request: SimRequest, done: (answer: SimAnswer) => void): void {
    this.endpoint.countActive(1);
    this.#caller.send(this.endpoint, request, (answer) => {
      // An answer that nobody waits for any more: the connection was closed under it.
      if (!this.#isEnded) done(answer);
    });
  }

  end(verdict: Verdict): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { world, cluster } = this.#caller;
    const nowMs = world.nowMs();
    this.endpoint.countActive(-1);
    cluster.state.requests.release();
    cluster.state.results?.onResult(this.endpoint, verdict);
    const { breaker } = cluster.policies;
    if (breaker !== undefined) {
      const endpoints = cluster.choice.eligible.length;
      const result = { verdict, nowMs, endpoint: this.endpoint.key, endpoints };
      cluster.state.service.breaker.report(breaker, this.#permit, result, world.random.unit());
    }
  }
}
