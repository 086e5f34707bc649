import { formatAddress } from "../../shared/address.ts";
import type { Clock } from "../../shared/clock.ts";
import { CHECKS_FIRST_WITHIN_MS, CHECKS_UNUSED_MS } from "../../shared/defaults.ts";
import type { Logger } from "../../shared/log.ts";
import type { Random } from "../../shared/random.ts";
import { Deadline, type DeadlineOwner, type TimerWheel } from "../../shared/timer-wheel.ts";
import type { NewsExchange } from "../workers/news-exchange.ts";
import type { EjectionNews } from "../workers/worker-news.ts";
import { PLAIN, type Standing, type Standings } from "../balancer/endpoint-choice.ts";
import type { HealthChange } from "../policy/health-state.ts";
import { OutlierDetector, type EjectionReason, type OutlierEvent, type Watched } from "../policy/outlier-detector.ts";
import { SlowStart } from "../policy/slow-start.ts";
import type { Verdict } from "../policy/verdict.ts";
import type { ResultListener } from "../runtime/cluster-state.ts";
import type { EndpointState } from "../runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../runtime/runtime.ts";
import { ActiveChecks, type Wanted } from "./active-checks.ts";
import type { CheckOwner, HealthCheck, HealthChecker } from "./health-checker.ts";

/** Making a choice among 10,000 endpoints takes some 25 ms: then at most ten in a second. */
const MEMBERS_PER_MS = 100;

export interface WatchServices {
  readonly wheel: TimerWheel;
  readonly checker: HealthChecker;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Logger, "info" | "warn">;
  /** Tells the other workers; undefined: there are none. */
  readonly news: Pick<NewsExchange, "onEjection"> | undefined;
}

export interface Findings {
  /** `leftMs` until it may come back, at the next sweep. */
  readonly ejection: { readonly reason: EjectionReason; readonly leftMs: number } | undefined;
  /** Undefined: this proxy does not check it. */
  readonly check: Pick<HealthCheck, "health" | "detail"> | undefined;
  readonly isStarting: boolean;
}

/**
 * Watches the endpoints of one cluster: hears how attempts and checks went, asks the machines what that means, and puts a
 * new choice in place when one is ejected, fails its checks, comes back, or has got more of its share. Never on the request path: what a result
 * changes takes effect when the wheel turns next.
 *
 * It outlives the cluster's configuration, like the ClusterState it belongs to. A request that began before a swap keeps
 * the choice of its own time.
 */
export class EndpointWatch implements ResultListener, CheckOwner, DeadlineOwner {
  /** Since the cluster is known. */
  readonly ejections = new Map<EjectionReason, number>();
  readonly #services: WatchServices;
  readonly #deadline = new Deadline(this);
  readonly #slowStart = new SlowStart();
  readonly #checks: ActiveChecks;
  #outlier: OutlierDetector | undefined = undefined;
  #cluster: ClusterRuntime;
  #standings: Standings = PLAIN;
  #isInPanic = false;
  #isRevisionDue = false;
  /** No control plane tells what the endpoints' own proxies find. */
  #isAlone = false;
  /** An attempt went to the cluster since the time below was taken. */
  #isUsed = false;
  #usedMs = -Infinity;

  constructor(cluster: ClusterRuntime, services: WatchServices) {
    this.#services = services;
    this.#cluster = cluster;
    this.#checks = new ActiveChecks(services.checker, this);
    this.#revise();
  }

  get cluster(): ClusterRuntime {
    return this.#cluster;
  }

  get ejectedCount(): number {
    return this.#outlier?.ejectedCount ?? 0;
  }

  get startingCount(): number {
    return this.#slowStart.startingCount;
  }

  /** Ejected, or failing this proxy's own checks. */
  isOut(key: string): boolean {
    return this.#outlier?.ejectionOf(key) !== undefined || this.#checks.isFailing(key);
  }

  /** What is known of an endpoint here and its configuration does not say: for people. */
  findingsOf(key: string): Findings {
    const ejection = this.#outlier?.ejectionOf(key);
    const leftMs = Math.max(0, Math.round((ejection?.untilMs ?? 0) - this.#services.clock.nowMs()));
    return {
      ejection: ejection === undefined ? undefined : { reason: ejection.reason, leftMs },
      check: this.#checks.of(key),
      isStarting: this.#slowStart.isStarting(key),
    };
  }

  /** Those that are ejected now, for a worker that has not heard of it. */
  ejectionsNow(): readonly EjectionNews[] {
    const nowMs = this.#services.clock.nowMs();
    return this.#cluster.choice.members.flatMap(({ state: { key } }) => {
      const ejection = this.#outlier?.ejectionOf(key);
      if (ejection === undefined) return [];
      const { reason, untilMs } = ejection;
      return [{ cluster: this.#cluster.name, endpoint: key, reason, forMs: Math.max(0, untilMs - nowMs) }];
    });
  }

  /** The cluster's configuration from now on. Costs nothing when it is the same. */
  follow(cluster: ClusterRuntime): void {
    if (cluster === this.#cluster) return;
    this.#cluster = cluster;
    // It was compiled without a thought of what is known of its endpoints.
    this.#standings = PLAIN;
    this.#revise();
  }

  /** Whether there is a control plane. */
  standAlone(isAlone: boolean): void {
    this.#isAlone = isAlone;
    if (this.#cluster.policies.healthCheck?.by === "proxy") this.#revise();
  }

  /** The cluster is gone. */
  stop(): void {
    this.#checks.follow(undefined);
    this.#services.wheel.cancel(this.#deadline);
  }

  // Hot: once per attempt.
  onResult(endpoint: EndpointState, verdict: Verdict): void {
    this.#isUsed = true;
    const reason = this.#outlier?.onResult(endpoint.key, verdict);
    if (reason !== undefined) this.#eject(endpoint.key, reason);
  }

  onHeard(endpoint: string, verdict: Verdict): void {
    // That it is time to eject is told by the worker that met the last failure.
    this.#outlier?.onResult(endpoint, verdict);
  }

  onEjectionHeard(endpoint: string, reason: EjectionReason, forMs: number): void {
    const { clock } = this.#services;
    const event = this.#outlier?.adopt(endpoint, reason, clock.nowMs(), forMs);
    if (event !== undefined) this.#reviseSoon();
  }

  onDeadline(): void {
    const { clock, random } = this.#services;
    this.#tell(this.#outlier?.onTick(clock.nowMs(), random) ?? []);
    this.#revise();
  }

  /** Nobody asks whether a cluster is well that nobody uses. */
  wantsProbe(): boolean {
    const nowMs = this.#services.clock.nowMs();
    if (this.#isUsed) this.#usedMs = nowMs;
    this.#isUsed = false;
    return nowMs - this.#usedMs <= CHECKS_UNUSED_MS;
  }

  onChecked(check: HealthCheck, passed: boolean, change: HealthChange | undefined): void {
    const endpoint = formatAddress(check.target.address);
    const event = passed ? this.#outlier?.onCheckPassed(endpoint) : undefined;
    if (event !== undefined) this.#tell([event]);
    const facts = { cluster: this.#cluster.name, endpoint, detail: check.detail };
    if (change?.now === "unhealthy") this.#services.log.warn(facts, "an endpoint fails its health checks");
    else if (change?.before === "unhealthy")
      this.#services.log.info(facts, "an endpoint passes its health checks again");
    if (event !== undefined || change !== undefined) this.#reviseSoon();
  }

  #eject(key: string, reason: EjectionReason): void {
    const { clock, random } = this.#services;
    const event = this.#outlier?.eject(key, reason, clock.nowMs(), random.unit());
    if (event === undefined) return;
    this.#tell([event]);
    this.#reviseSoon();
  }

  /** When the wheel turns next; in a large cluster somewhat later, so that a thousand ejections are not a thousand choices. */
  #reviseSoon(): void {
    if (this.#isRevisionDue) return;
    this.#isRevisionDue = true;
    this.#services.wheel.arm(this.#deadline, this.#cluster.choice.members.length / MEMBERS_PER_MS);
  }

  /** Asks the machines about every endpoint, and makes the choice anew if their answers differ from the last ones. */
  #revise(): void {
    this.#isRevisionDue = false;
    const nowMs = this.#services.clock.nowMs();
    this.#checks.follow(this.#wantedChecks());
    const watched = this.#watched();
    this.#followOutliers(watched, nowMs);
    this.#followSlowStart(watched, nowMs);
    const { choice } = this.#cluster;
    const standings = new Map<EndpointState, Standing>();
    for (const { state } of choice.members) {
      const standing = { isOut: this.isOut(state.key), weightShare: this.#slowStart.shareOf(state.key, nowMs) };
      if (standing.isOut || standing.weightShare < 1) standings.set(state, standing);
    }
    if (!isSame(standings, this.#standings)) this.#cluster.choice = choice.revised(standings);
    this.#standings = standings;
    this.#tellPanic();
    this.#schedule(nowMs);
  }

  #followOutliers(watched: readonly Watched[], nowMs: number): void {
    const { outlier } = this.#cluster.policies;
    if (outlier === undefined) this.#outlier = undefined;
    else {
      this.#outlier ??= new OutlierDetector(outlier);
      this.#tell(this.#outlier.follow(outlier, watched, nowMs));
    }
  }

  #followSlowStart(watched: readonly Watched[], nowMs: number): void {
    const { slowStart } = this.#cluster.policies;
    // Without a policy nobody need know who was usable: when one comes, those that are there do not start.
    const usable = slowStart === undefined ? [] : watched.filter(({ key, isUsable }) => isUsable && !this.isOut(key));
    this.#slowStart.follow(slowStart, new Set(usable.map(({ key }) => key)), nowMs);
  }

  #watched(): readonly Watched[] {
    return this.#cluster.choice.members
      .filter(({ health }) => health !== "draining")
      .map(({ state: { key }, health }) => ({ key, isUsable: health === "healthy" && !this.#checks.isFailing(key) }));
  }

  /**
   * Callers that check everything are callers x endpoints probes (semantics.md 8). So where the endpoint's own proxy checks
   * and reports, they only ask whether an ejected one is well again; unless no control plane passes the reports on.
   */
  #wantedChecks(): Wanted | undefined {
    const { policies, choice, service } = this.#cluster;
    const policy = policies.healthCheck;
    if (policy === undefined) return undefined;
    const checksAll = policy.by !== "proxy" || this.#isAlone;
    const endpoints = choice.members
      .filter(({ state, health }) => health !== "draining" && (checksAll || this.#isEjected(state.key)))
      .map(({ state }) => [state.key, state.address] as const);
    // Its health was asked for by others when it failed: that it passes again says something only a while later.
    const firstWithinMs = checksAll ? CHECKS_FIRST_WITHIN_MS : 0;
    return { policy, authority: service, firstWithinMs, endpoints: new Map(endpoints) };
  }

  #isEjected(key: string): boolean {
    return this.#outlier?.ejectionOf(key) !== undefined;
  }

  #schedule(nowMs: number): void {
    const { wheel } = this.#services;
    const wakeMs = Math.min(this.#outlier?.nextWakeMs ?? Infinity, this.#slowStart.nextWakeMs(nowMs));
    if (wakeMs === Infinity) wheel.cancel(this.#deadline);
    else wheel.arm(this.#deadline, wakeMs - nowMs);
  }

  #tell(events: readonly OutlierEvent[]): void {
    const { log, clock, news } = this.#services;
    for (const event of events) {
      const { key: endpoint, reason } = event;
      const facts = { cluster: this.#cluster.name, endpoint, reason };
      if (event.kind === "ejected") {
        this.ejections.set(event.reason, (this.ejections.get(event.reason) ?? 0) + 1);
        const forMs = event.untilMs - clock.nowMs();
        news?.onEjection({ ...facts, reason: event.reason, forMs });
        log.warn({ ...facts, forMs: Math.round(forMs) }, "an endpoint is ejected");
      } else {
        log.info(facts, "an ejected endpoint is back");
      }
    }
  }

  #tellPanic(): void {
    const { name: cluster, choice } = this.#cluster;
    if (choice.isInPanic === this.#isInPanic) return;
    this.#isInPanic = choice.isInPanic;
    const facts = { cluster, endpoints: choice.members.length };
    if (choice.isInPanic) this.#services.log.warn(facts, "panic: too few endpoints are usable, so all are used");
    else this.#services.log.info(facts, "the panic is over: enough endpoints are usable");
  }
}

function isSame(one: Standings, other: Standings): boolean {
  if (one.size !== other.size) return false;
  for (const [state, { isOut, weightShare }] of one) {
    const before = other.get(state);
    if (before === undefined || before.isOut !== isOut || before.weightShare !== weightShare) return false;
  }
  return true;
}
